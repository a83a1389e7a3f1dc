// What description.json says of an exported model, checked.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>

#include "json.h"
#include "recipes.h"
#include "sha256.h"

// What of description.json predicting needs.
struct Description {
    std::string model, precision, output;
    std::map<std::string, std::string> files;  // and the sha256 of each
    bool sealed = false;                       // older ones have no checksum of themselves
    int channels = 0, classes = 0;
    int width = 0, height = 0;  // that the network sees; 0: the picture's own
    Recipe recipe;
};

inline std::vector<float> numbers(const Json& array) {
    std::vector<float> result;
    for (const Json& value : array.array) result.push_back(float(value.number));
    return result;
}

inline Description described(const Json& json) {
    using Kind = Json::Kind;
    const double version = json.at("description_version", Kind::number).number;
    if (version != 1 && version != 2)
        throw std::runtime_error("it is of another version; export again");
    Description result;
    result.sealed = version == 2;
    for (const auto& file : json.at("files", Kind::object).object) {
        if (file.second.kind != Kind::string)
            throw std::runtime_error("expected a sha256 for each of its files");
        result.files[file.first] = file.second.string;
        const std::string suffix = std::filesystem::path(file.first).extension().string();
        if (suffix == ".xml" || suffix == ".onnx") result.model = file.first;
    }
    if (result.model.empty())
        throw std::runtime_error("this program runs the formats openvino and onnx, the model's is " +
                                 json.at("format", Kind::string).string +
                                 "; export with `--format openvino`");
    result.precision = json.at("precision", Kind::string).string;
    result.output = json.at("output", Kind::string).string;
    result.classes = int(json.at("num_classes", Kind::number).number);
    const Json& preprocess = json.at("preprocess", Kind::object);
    result.recipe.type = preprocess.at("type", Kind::string).string;
    if (result.recipe.type != "paddleseg" && result.recipe.type != "official")
        throw std::runtime_error("this program knows the recipes paddleseg and official, not " +
                                 result.recipe.type);
    for (const char* key : {"fit", "restore"})
        if (preprocess.object.count(key))
            throw std::runtime_error("this program does not know its preprocess." +
                                     std::string(key));
    result.recipe.mean = numbers(preprocess.at("mean", Kind::array));
    result.recipe.deviation = numbers(preprocess.at("std", Kind::array));
    result.channels = int(preprocess.at("channels", Kind::number).number);
    if (int(result.recipe.mean.size()) != result.channels ||
        int(result.recipe.deviation.size()) != result.channels)
        throw std::runtime_error("mean and std do not have a number for each channel");
    if (!preprocess.at("size").is_null()) {
        const std::vector<float> size = numbers(preprocess.at("size", Kind::array));
        if (size.size() != 2) throw std::runtime_error("expected a size of [width, height]");
        result.width = int(size[0]);
        result.height = int(size[1]);
    }
    return result;
}

// The last key is the sha256 of all text before it, but for carriage returns, which version control
// adds on Windows.
inline void check_seal(const std::string& text) {
    const std::string name = "\"description_sha256\"";
    const std::size_t at = text.rfind(name);
    if (at == std::string::npos) throw std::runtime_error("\"description_sha256\" is missing");
    std::string before, after;
    for (char sign : text.substr(0, at))
        if (sign != '\r') before += sign;
    for (char sign : text.substr(at + name.size()))
        if (std::string(" \t\r\n").find(sign) == std::string::npos) after += sign;
    Sha256 sum;
    sum.add(before);
    if (after != ":\"" + sum.digits() + "\"}")
        throw std::runtime_error("its description_sha256 is not that of its text, which is damaged "
                                 "or was changed; copy the folder or export again");
}

inline Description parsed_description(const std::string& text) {
    const Description result = described(JsonReader(text).read());
    if (result.sealed) check_seal(text);
    return result;
}

inline std::string read_all(const std::filesystem::path& path, const std::string& missing) {
    if (!std::filesystem::is_regular_file(path))
        throw std::runtime_error(path.string() + ": " + missing);
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error(path.string() + ": it cannot be read");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

// Of an exported folder whose files are those that it was written for.
inline Description read_description(const std::filesystem::path& folder) {
    const std::filesystem::path path = folder / "description.json";
    const std::string text = read_all(path, "expected the folder of an exported model; "
                                            "`python tools/export.py` makes one");
    Description result;
    try {
        result = parsed_description(text);
    } catch (const std::exception& error) {
        throw std::runtime_error(path.string() + ": " + error.what());
    }
    for (const auto& file : result.files) {
        const std::filesystem::path place = folder / file.first;
        Sha256 sum;
        sum.add(read_all(place, "the model's file is missing; copy the whole folder"));
        if (sum.digits() != file.second)
            throw std::runtime_error(place.string() + ": it is not the file that description.json "
                                     "was written for; copy the whole folder, or export again");
    }
    return result;
}
