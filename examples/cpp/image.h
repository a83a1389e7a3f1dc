// Pictures as bytes. PPM and PGM need no library; a program of your own has its decoder already.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

// Rows from the top, each pixel's channels side by side: R, G, B, or grey alone.
struct Image {
    int width = 0, height = 0, channels = 0;
    std::vector<std::uint8_t> pixels;
};

// A whole number of a PNM header; a comment leads from # to the end of its line.
inline int read_header_number(std::istream& file, const std::string& path) {
    while (file >> std::ws && file.peek() == '#')
        file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    int number = 0;
    if (!(file >> number) || number < 1)
        throw std::runtime_error(path + ": its header is damaged; expected width, height and 255");
    return number;
}

// Read a binary PPM (P6, RGB) or PGM (P5, grey) of 8 bits.
inline Image read_image(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error(path + ": it cannot be read; is the path right?");
    std::string magic(2, '\0');
    file.read(&magic[0], 2);
    if (!file || (magic != "P6" && magic != "P5"))
        throw std::runtime_error(path + ": expected a binary PPM (P6) or PGM (P5); make one with, "
                                 "for instance, `convert photo.jpg photo.ppm`");
    Image image;
    image.channels = magic == "P6" ? 3 : 1;
    image.width = read_header_number(file, path);
    image.height = read_header_number(file, path);
    if (read_header_number(file, path) != 255)
        throw std::runtime_error(path + ": expected 8 bits a value (255), got others");
    file.get();  // the one space before the pixels
    const auto size = std::uint64_t(image.width) * image.height * image.channels;
    if (size > (std::uint64_t(1) << 32))
        throw std::runtime_error(path + ": its header says more than 4 GiB; it is damaged");
    image.pixels.resize(size);
    file.read(reinterpret_cast<char*>(image.pixels.data()), std::streamsize(size));
    if (std::uint64_t(file.gcount()) != size)
        throw std::runtime_error(path + ": it ends early: expected " + std::to_string(size) +
                                 " bytes of pixels, got " + std::to_string(file.gcount()));
    return image;
}

// Write a PGM, which appears whole or not at all.
inline void write_pgm(const std::string& path, const Image& image) {
    const std::string temporary = path + ".part";
    std::ofstream file(temporary, std::ios::binary);
    file << "P5\n" << image.width << " " << image.height << "\n255\n";
    file.write(reinterpret_cast<const char*>(image.pixels.data()),
               std::streamsize(image.pixels.size()));
    file.close();
    std::error_code failed;
    if (file) std::filesystem::rename(temporary, path, failed);
    if (!file || failed) {
        std::filesystem::remove(temporary, failed);
        throw std::runtime_error(path + ": it cannot be written; is the folder there, and room on "
                                 "the disk?");
    }
}
