// The way from a picture to the network's input and from its map back to the picture's size: the
// recipes `paddleseg` and `official` of paddleseg_u2net/inference/preprocess.py.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "image.h"

// One channel of a picture, or one class of a map.
struct Plane {
    int width = 0, height = 0;
    std::vector<float> values;

    Plane(int w, int h) : width(w), height(h), values(std::size_t(w) * h) {}
    float* row(int y) { return values.data() + std::size_t(y) * width; }
    const float* row(int y) const { return values.data() + std::size_t(y) * width; }
};

// Where a resized line looks into the old one: two neighbours and the share of the second.
struct Tap {
    int first, second;
    float share;
};

inline std::vector<Tap> linear_taps(int old_size, int new_size) {
    std::vector<Tap> taps;
    for (int i = 0; i < new_size; ++i) {
        double at = (i + 0.5) * old_size / new_size - 0.5;
        at = std::clamp(at, 0.0, double(old_size - 1));
        int first = int(at);
        taps.push_back({first, std::min(first + 1, old_size - 1), float(at - first)});
    }
    return taps;
}

// Bilinear from the centres of pixels, without anti-aliasing: cv2.INTER_LINEAR.
inline Plane resize_linear(const Plane& plane, int width, int height) {
    if (width == plane.width && height == plane.height) return plane;
    const auto across = linear_taps(plane.width, width), down = linear_taps(plane.height, height);
    Plane result(width, height);
    for (int y = 0; y < height; ++y) {
        const float *upper = plane.row(down[y].first), *lower = plane.row(down[y].second);
        for (int x = 0; x < width; ++x) {
            const Tap& tap = across[x];
            float top = upper[tap.first] + (upper[tap.second] - upper[tap.first]) * tap.share;
            float bottom = lower[tap.first] + (lower[tap.second] - lower[tap.first]) * tap.share;
            result.row(y)[x] = top + (bottom - top) * down[y].share;
        }
    }
    return result;
}

// How much is left of a line's values where around the picture all is black.
inline std::vector<float> fading(int old_size, int new_size) {
    std::vector<float> factors;
    for (int i = 0; i < new_size; ++i) {
        double at = (i + 0.5) * old_size / new_size - 0.5;
        factors.push_back(
            float(std::min(1 + std::min(at, 0.0), 1 - std::max(at - (old_size - 1), 0.0))));
    }
    return factors;
}

// Pillow's BILINEAR of 8-bit values along rows: a triangle that grows where the picture shrinks.
inline Plane pillow_rows(const Plane& plane, int width) {
    if (width == plane.width) return plane;
    const double scale = double(plane.width) / width, reach = std::max(scale, 1.0);
    Plane result(width, plane.height);
    for (int x = 0; x < width; ++x) {
        const double centre = (x + 0.5) * scale;
        const int begin = std::max(int(centre - reach + 0.5), 0);
        const int end = std::min(int(centre + reach + 0.5), plane.width);
        std::vector<double> weights;
        double total = 0;
        for (int i = begin; i < end; ++i) {
            weights.push_back(std::max(1 - std::abs((i + 0.5 - centre) / reach), 0.0));
            total += weights.back();
        }
        for (int y = 0; y < plane.height; ++y) {
            double sum = 0;
            for (int i = begin; i < end; ++i) sum += weights[i - begin] * plane.row(y)[i];
            result.row(y)[x] = float(std::floor(sum / total + 0.5));
        }
    }
    return result;
}

inline Plane transposed(const Plane& plane) {
    Plane result(plane.height, plane.width);
    for (int y = 0; y < plane.height; ++y)
        for (int x = 0; x < plane.width; ++x) result.row(x)[y] = plane.row(y)[x];
    return result;
}

inline Plane resize_pillow(const Plane& plane, int width, int height) {
    return transposed(pillow_rows(transposed(pillow_rows(plane, width)), height));
}

// Stretched to [0, 1]; a constant map stays as it is.
inline void stretch(Plane& plane) {
    const auto ends = std::minmax_element(plane.values.begin(), plane.values.end());
    const float low = *ends.first, extent = *ends.second - low;
    if (extent == 0) return;
    for (float& value : plane.values) value = (value - low) / extent;
}

// What the network sees: one plane a channel, in [0, 255] until the last step.
struct Recipe {
    std::string type;
    std::vector<float> mean, deviation;

    std::vector<Plane> input(const Image& image, int width, int height) const {
        const bool official = type == "official";
        std::vector<Plane> planes;
        for (int c = 0; c < image.channels; ++c) {
            Plane plane(image.width, image.height);
            for (std::size_t i = 0; i < plane.values.size(); ++i)
                plane.values[i] = image.pixels[i * image.channels + c];
            planes.push_back(resize_linear(plane, width, height));
        }
        if (official) {
            if (image.width != width || image.height != height) fade(planes, image);
        } else {  // PaddleSeg resizes 8-bit values
            for (Plane& plane : planes)
                for (float& value : plane.values) value = std::floor(value + 0.5f);
        }
        normalise(planes, official ? brightest(planes) : 255.0f);
        return planes;
    }

    // A map back at the picture's size.
    Plane restore(Plane map, int width, int height) const {
        if (type != "official") return resize_linear(map, width, height);
        stretch(map);
        for (float& value : map.values) value = std::floor(value * 255);
        map = resize_pillow(map, width, height);
        for (float& value : map.values) value /= 255;
        return map;
    }

private:
    static void fade(std::vector<Plane>& planes, const Image& image) {
        const float darkest = *std::min_element(image.pixels.begin(), image.pixels.end());
        for (Plane& plane : planes) {
            const auto across = fading(image.width, plane.width);
            const auto down = fading(image.height, plane.height);
            for (int y = 0; y < plane.height; ++y)
                for (int x = 0; x < plane.width; ++x)
                    plane.row(y)[x] = std::max(plane.row(y)[x] * across[x] * down[y], darkest);
        }
    }

    // The largest value of all channels; of a black picture, 1.
    static float brightest(const std::vector<Plane>& planes) {
        float result = 0;
        for (const Plane& plane : planes)
            result = std::max(result, *std::max_element(plane.values.begin(), plane.values.end()));
        return result > 0 ? result : 1;
    }

    void normalise(std::vector<Plane>& planes, float white) const {
        for (std::size_t c = 0; c < planes.size(); ++c)
            for (float& value : planes[c].values) value = (value / white - mean[c]) / deviation[c];
    }
};
