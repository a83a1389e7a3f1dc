// As much of JSON as a description.json needs: one value, read from a text.
#pragma once

#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

struct Json {
    enum class Kind { null, boolean, number, string, array, object };
    Kind kind = Kind::null;
    double number = 0;  // of a boolean, 0 or 1
    std::string string;
    std::vector<Json> array;
    std::map<std::string, Json> object;

    bool is_null() const { return kind == Kind::null; }

    const Json& at(const std::string& key) const {
        auto found = object.find(key);
        if (found == object.end()) throw std::runtime_error("\"" + key + "\" is missing");
        return found->second;
    }

    // The value under `key`, of which `kind` is expected.
    const Json& at(const std::string& key, Kind expected) const {
        const Json& value = at(key);
        if (value.kind != expected) throw std::runtime_error("\"" + key + "\" is of a wrong kind");
        return value;
    }
};

class JsonReader {
public:
    explicit JsonReader(const std::string& text) : text_(text) {}

    Json read() {
        Json value = read_value(0);
        if (peek() != '\0') fail();
        return value;
    }

private:
    static constexpr int kDeepest = 64;
    const std::string& text_;
    std::size_t at_ = 0;

    [[noreturn]] void fail() const {
        throw std::runtime_error("it is not JSON at character " + std::to_string(at_ + 1));
    }

    // The next character that is no space, without taking it; 0 at the end.
    char peek() {
        while (at_ < text_.size() && std::string(" \t\r\n").find(text_[at_]) != std::string::npos)
            ++at_;
        return at_ < text_.size() ? text_[at_] : '\0';
    }

    void take(const std::string& word) {
        if (text_.compare(at_, word.size(), word) != 0) fail();
        at_ += word.size();
    }

    bool taken(char sign) {
        if (peek() != sign) return false;
        ++at_;
        return true;
    }

    Json read_value(int depth) {
        if (depth > kDeepest) fail();
        Json value;
        switch (peek()) {
            case '{':
                read_object(value, depth);
                break;
            case '[':
                read_array(value, depth);
                break;
            case '"':
                value.kind = Json::Kind::string;
                value.string = read_string();
                break;
            case 'n':
                take("null");
                break;
            case 't':
                take("true");
                value.kind = Json::Kind::boolean;
                value.number = 1;
                break;
            case 'f':
                take("false");
                value.kind = Json::Kind::boolean;
                break;
            default:
                read_number(value);
        }
        return value;
    }

    void read_object(Json& value, int depth) {
        value.kind = Json::Kind::object;
        take("{");
        if (taken('}')) return;
        do {
            if (peek() != '"') fail();
            std::string key = read_string();
            if (!taken(':')) fail();
            value.object[key] = read_value(depth + 1);
        } while (taken(','));
        if (!taken('}')) fail();
    }

    void read_array(Json& value, int depth) {
        value.kind = Json::Kind::array;
        take("[");
        if (taken(']')) return;
        do {
            value.array.push_back(read_value(depth + 1));
        } while (taken(','));
        if (!taken(']')) fail();
    }

    void read_number(Json& value) {
        value.kind = Json::Kind::number;
        const char* begin = text_.c_str() + at_;
        char* end = nullptr;
        value.number = std::strtod(begin, &end);
        if (end == begin) fail();
        at_ += static_cast<std::size_t>(end - begin);
    }

    std::string read_string() {
        std::string result;
        take("\"");
        while (at_ < text_.size() && text_[at_] != '"') {
            if (text_[at_] != '\\') {
                result += text_[at_++];
                continue;
            }
            if (++at_ >= text_.size()) fail();
            result += unescaped(text_[at_++]);
        }
        take("\"");
        return result;
    }

    std::string unescaped(char sign) {
        const std::string signs = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
        if (sign == 'u') {  // no name that this program uses has one
            if (at_ + 4 > text_.size()) fail();
            at_ += 4;
            return "?";
        }
        std::size_t found = signs.find(sign);
        if (found == std::string::npos) fail();
        return std::string(1, meant[found]);
    }
};
