// Predict the mask of a picture with an exported model: no Python, no Paddle.
//
//     predict EXPORTED_FOLDER picture.ppm mask.pgm [threads]
//
// The folder is one that `tools/export.py --format openvino` or `--format onnx` wrote. The mask has
// the picture's size: with one class, its probability in 256 levels of grey, otherwise the numbers
// of the classes.

#include <openvino/openvino.hpp>

#include <cstdlib>
#include <iostream>

#include "description.h"
#include "image.h"

namespace fs = std::filesystem;

// A model that is ready to run. Reading and compiling take longer than one picture: keep it.
class Predictor {
public:
    Predictor(const fs::path& folder, int threads)
        : description_(read_description(folder)),
          model_(core_.read_model((folder / description_.model).string())) {
        // Left alone, OpenVINO computes in bfloat16 where the processor can, whatever the file's
        // precision is: maps of U2NetP in float32 move by up to 0.81 then. Your program needs
        // this line, too.
        const bool bf16 = description_.precision == "bf16";
        core_.set_property("CPU", ov::hint::inference_precision(bf16 ? ov::element::bf16
                                                                     : ov::element::f32));
        if (threads > 0) core_.set_property("CPU", ov::inference_num_threads(threads));
    }

    // The mask of a picture, at its size.
    Image operator()(const Image& image) {
        if (image.channels != description_.channels)
            throw std::runtime_error("the model takes pictures of " +
                                     std::to_string(description_.channels) + " channels, this has " +
                                     std::to_string(image.channels));
        const int width = description_.width ? description_.width : image.width;
        const int height = description_.height ? description_.height : image.height;
        compile(width, height);
        const auto planes = description_.recipe.input(image, width, height);
        ov::Tensor input(ov::element::f32, shape_);
        float* to = input.data<float>();
        for (const Plane& plane : planes)
            to = std::copy(plane.values.begin(), plane.values.end(), to);
        ov::InferRequest request = compiled_.create_infer_request();
        request.set_input_tensor(input);
        request.infer();
        return finished(request.get_output_tensor(0), image);
    }

private:
    ov::Core core_;
    Description description_;
    std::shared_ptr<ov::Model> model_;
    ov::CompiledModel compiled_;
    ov::Shape shape_;

    // A fixed size is faster than one that may change.
    void compile(int width, int height) {
        const ov::Shape shape{1, std::size_t(description_.channels), std::size_t(height),
                              std::size_t(width)};
        if (shape == shape_) return;
        model_->reshape(ov::PartialShape(shape));
        compiled_ = core_.compile_model(model_, "CPU");
        shape_ = shape;
    }

    // One class: its grey levels. More: the number of the most probable one.
    Image finished(const ov::Tensor& output, const Image& image) const {
        Image mask{image.width, image.height, 1, {}};
        mask.pixels.resize(std::size_t(image.width) * image.height);
        std::vector<float> largest(mask.pixels.size(), -1);
        for (int k = 0; k < description_.classes; ++k) {
            const Plane map = description_.recipe.restore(plane(output, k), mask.width, mask.height);
            for (std::size_t i = 0; i < largest.size(); ++i) {
                const float value = map.values[i];
                if (description_.classes == 1)
                    mask.pixels[i] = std::uint8_t(std::clamp(value, 0.0f, 1.0f) * 255 + 0.5f);
                else if (value > largest[i])
                    largest[i] = value, mask.pixels[i] = std::uint8_t(k);
            }
        }
        return mask;
    }

    // The probability of class `k`: a plane of (1, K, h, w), or 0 and 1 from class numbers
    // (1, h, w), where a single class has the number 1.
    Plane plane(const ov::Tensor& output, int k) const {
        Plane map{int(shape_[3]), int(shape_[2])};
        const std::size_t size = map.values.size();
        if (description_.output != "argmax") {
            if (output.get_size() != size * description_.classes)
                throw std::runtime_error("the model gives other maps than its description says");
            const float* from = output.data<float>() + k * size;
            std::copy(from, from + size, map.values.begin());
            return map;
        }
        if (output.get_size() != size)
            throw std::runtime_error("the model gives other maps than its description says");
        const int* classes = output.data<int>();
        const int wanted = description_.classes == 1 ? 1 : k;
        for (std::size_t i = 0; i < size; ++i) map.values[i] = classes[i] == wanted ? 1.0f : 0.0f;
        return map;
    }
};

int main(int count, char** arguments) {
    if (count != 4 && count != 5) {
        std::cerr << "usage: predict EXPORTED_FOLDER picture.ppm mask.pgm [threads]\n";
        return 2;
    }
    const int threads = count == 5 ? std::atoi(arguments[4]) : 0;
    if (count == 5 && threads < 1) {
        std::cerr << "threads: expected 1 or more, got " << arguments[4] << "\n";
        return 2;
    }
    try {
        const Image image = read_image(arguments[2]);
        Predictor predict(arguments[1], threads);
        write_pgm(arguments[3], predict(image));
    } catch (const std::exception& error) {
        std::cerr << "predict: " << error.what() << "\n";
        return 1;
    }
    return 0;
}
