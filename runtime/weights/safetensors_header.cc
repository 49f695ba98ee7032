#include "runtime/weights/safetensors_header.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/memory.h"

namespace invar {

namespace {

constexpr size_t kMaxDimensions = 64;  // far above any weight; a header must not make us store millions

// Takes the header's JSON event by event. A parsed tree would have lost duplicate keys, and would cost a hostile header
// of 100 MB many times its size.
class HeaderEvents {
 public:
  HeaderEvents(SafetensorsHeader& header, const std::string& source) : header_(header), source_(source) {}

  bool null() { return Scalar("null"); }
  bool boolean(bool) { return Scalar("true or false"); }
  bool number_integer(int64_t) { return Scalar("a negative number"); }
  bool number_float(double, const std::string&) { return Scalar("a number that is no 64-bit integer"); }
  bool binary(std::vector<uint8_t>&) { return Scalar("binary data"); }

  bool number_unsigned(uint64_t value) {
    if (in_ == In::kShape) {
      if (tensor().shape.size() == kMaxDimensions) Fail("has more than " + std::to_string(kMaxDimensions) + " dimensions");
      tensor().shape.push_back(value);
    } else if (in_ == In::kOffsets && offsets_ < 2) {
      (offsets_++ == 0 ? tensor().begin : tensor().end) = value;
    } else if (in_ == In::kOffsets) {
      Fail("has more than two data_offsets");
    } else {
      Scalar("a number");
    }
    return true;
  }

  bool string(std::string& value) {
    if (in_ == In::kMetadata) {
      *metadata_value_ = std::move(value);
    } else if (in_ == In::kTensor && field_ == kDType) {
      tensor().dtype = std::move(value);
    } else {
      Scalar("a string");
    }
    return true;
  }

  bool start_object(size_t) {
    switch (in_) {
      case In::kNothing:
        in_ = In::kTensors;
        return true;
      case In::kTensors:
        in_ = in_metadata_ ? In::kMetadata : In::kTensor;
        seen_ = 0;
        return true;
      default:
        return Scalar("an object");
    }
  }

  bool key(std::string& name) {
    if (in_ == In::kTensors) {
      in_metadata_ = name == kSafetensorsMetadata;
      if (!in_metadata_) {
        header_.tensors.emplace_back().name = std::move(name);
      } else if (std::exchange(metadata_seen_, true)) {
        throw Error("the header of " + source_ + " has two __metadata__" + kDownload);
      }
    } else if (in_ == In::kMetadata) {
      const auto [it, is_new] = header_.metadata.emplace(std::move(name), std::string());
      if (!is_new) Fail("has two fields " + Quoted(it->first));
      metadata_value_ = &it->second;
    } else {
      field_ = name == "dtype" ? kDType : name == "shape" ? kShape : name == "data_offsets" ? kOffsets : kNoField;
      if (field_ == 0) Fail("has a field " + Quoted(name) + " that the format does not know");
      if ((seen_ & field_) != 0) Fail("has two fields " + Quoted(name));
      seen_ |= field_;
    }
    return true;
  }

  bool end_object() {
    if (in_ == In::kTensor) {
      if (seen_ != (kDType | kShape | kOffsets)) Fail("lacks one of dtype, shape and data_offsets");
      if (tensor().begin > tensor().end) Fail("has data_offsets in the wrong order");
    }
    in_ = in_ == In::kTensors ? In::kNothing : In::kTensors;
    return true;
  }

  bool start_array(size_t) {
    if (in_ != In::kTensor || field_ == kDType) return Scalar("a list");
    in_ = field_ == kShape ? In::kShape : In::kOffsets;
    offsets_ = 0;
    return true;
  }

  bool end_array() {
    if (in_ == In::kOffsets && offsets_ != 2) Fail("has fewer than two data_offsets");
    in_ = In::kTensor;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) {
    throw Error("the header of " + source_ + " is not valid JSON (at its byte " + std::to_string(position) + ")" +
                kDownload);
  }

 private:
  enum class In { kNothing, kTensors, kMetadata, kTensor, kShape, kOffsets };
  enum Field : unsigned { kNoField = 0, kDType = 1, kShape = 2, kOffsets = 4 };
  static constexpr const char* kDownload = "; download or convert the file again";

  SafetensorsHeader::Tensor& tensor() { return header_.tensors.back(); }

  [[noreturn]] void Fail(const std::string& what) {
    throw Error((in_metadata_ ? std::string("__metadata__") : "tensor " + Quoted(tensor().name)) + " of " + source_ +
                " " + what + kDownload);
  }

  // A value where the format has another.
  bool Scalar(const char* found) {
    switch (in_) {
      case In::kNothing:
        throw Error("the header of " + source_ + " is " + found + " instead of an object" + kDownload);
      case In::kTensors:
        Fail(std::string("is ") + found + " instead of an object");
      case In::kMetadata:
        Fail(std::string("holds ") + found + " where it may only hold strings");
      case In::kTensor:
        Fail(std::string("has ") + found + " for its " +
             (field_ == kDType ? "dtype" : field_ == kShape ? "shape" : "data_offsets"));
      case In::kShape:
        Fail(std::string("has ") + found + " in its shape");
      case In::kOffsets:
        Fail(std::string("has ") + found + " in its data_offsets");
    }
    return false;
  }

  SafetensorsHeader& header_;
  const std::string& source_;
  In in_ = In::kNothing;
  bool in_metadata_ = false, metadata_seen_ = false;
  std::string* metadata_value_ = nullptr;
  unsigned field_ = 0, seen_ = 0, offsets_ = 0;
};

// Ranges in ascending order must each begin where the one before ended, and the last must end the file.
void CheckRanges(SafetensorsHeader& header, uint64_t size, const std::string& source) {
  std::vector<SafetensorsHeader::Tensor>& tensors = header.tensors;
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  uint64_t end = 0;
  for (const SafetensorsHeader::Tensor& tensor : tensors) {
    const std::string who = "tensor " + Quoted(tensor.name) + " of " + source;
    if (tensor.end > size) {
      throw Error(who + " ends at byte " + std::to_string(tensor.end) + " of the data, but the file holds only " +
                  std::to_string(size) + "; it is incomplete, download it again");
    }
    if (tensor.begin != end) {
      throw Error(who + (tensor.begin < end ? " overlaps the tensor before it" : " leaves a gap before it") +
                  "; the file is damaged, download or convert it again");
    }
    end = tensor.end;
    const DType dtype = DTypeOf(tensor.dtype);
    uint64_t bytes = 0;
    if (dtype == DType::kUnknown) continue;  // refused when it is used: other tensors may be all that is wanted
    if (!TensorBytes(tensor.shape, dtype, &bytes) || bytes != tensor.end - tensor.begin) {
      throw Error(who + " has " + std::to_string(tensor.end - tensor.begin) + " bytes, which its shape " +
                  ShapeText(tensor.shape) + " of " + tensor.dtype +
                  " does not have; the file is damaged, download or convert it again");
    }
  }
  if (end != size) {
    throw Error(source + " has " + std::to_string(size - end) +
                " bytes after its last tensor; the file is damaged, download or convert it again");
  }
}

void SortByName(SafetensorsHeader& header, const std::string& source) {
  std::vector<SafetensorsHeader::Tensor>& tensors = header.tensors;
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  const auto twin = std::adjacent_find(tensors.begin(), tensors.end(),
                                       [](const auto& a, const auto& b) { return a.name == b.name; });
  if (twin != tensors.end()) {
    throw Error("the header of " + source + " names the tensor " + Quoted(twin->name) +
                " twice; download or convert the file again");
  }
}

}  // namespace

SafetensorsHeader ReadSafetensorsHeader(uint64_t size, const ReadBytes& read, const std::string& source) {
  constexpr std::string_view kPointer = "version https://git-lfs";
  char begin[kPointer.size()] = {};
  read(0, static_cast<size_t>(std::min<uint64_t>(size, sizeof(begin))), begin);
  if (std::string_view(begin, sizeof(begin)) == kPointer) {
    throw Error(source + " is a Git LFS pointer and not the weights; fetch them with git lfs pull");
  }
  if (size < 8) {
    throw Error(source + " has only " + std::to_string(size) + " bytes, too few for a safetensors file; download it again");
  }
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = length << 8 | static_cast<uint8_t>(begin[i]);
  if (length > kMaxSafetensorsHeader) {
    throw Error(source + " claims a header of " + std::to_string(length) + " bytes where at most " +
                std::to_string(kMaxSafetensorsHeader) + " are allowed; it is not a safetensors file or is damaged");
  }
  if (length > size - 8) {
    throw Error(source + " ends within its header; it is incomplete, download it again");
  }
  // The shortest entry of metadata, seven bytes, becomes a node of a map of about a hundred.
  if (length > kLittleMemory / 16) {
    RequireMemory(24 * length, "reading the header of " + source + " may need", "check that it is the file you mean");
  }
  std::string json(static_cast<size_t>(length), '\0');
  read(8, json.size(), json.data());
  // The format asks for the brace first; and the parser would take a zero byte for the end and ignore what follows.
  if (!json.starts_with('{') || json.find('\0') != json.npos) {
    throw Error("the header of " + source + " is not a JSON object; it is not a safetensors file or is damaged");
  }
  SafetensorsHeader header;
  header.data_begin = 8 + length;
  HeaderEvents events(header, source);
  nlohmann::json::sax_parse(json.begin(), json.end(), &events);
  CheckRanges(header, size - header.data_begin, source);
  SortByName(header, source);
  return header;
}

}  // namespace invar
