#include "runtime/text/tokenizer_document.h"

#include "runtime/base/json.h"

namespace invar {
namespace {

using Json = nlohmann::json;

// Of several equal keys the last wins, as in a tree.
class Reader final : public JsonEvents {
 public:
  explicit Reader(TokenizerDocument* to) : to_(*to) {}

  bool null() override { return Value(nullptr); }
  bool boolean(bool value) override { return Value(value); }
  bool number_integer(number_integer_t value) override { return Value(value); }
  bool number_unsigned(number_unsigned_t value) override { return Value(value); }
  bool number_float(number_float_t value, const string_t&) override { return Value(value); }

  bool string(string_t& value) override {
    if (part_ != Part::kMerges) return Value(std::move(value));
    if (depth_ == 1) {
      Begin();
      pairs_ = pairs_ && SplitMerge(value, &to_.merges.back());
    } else if (pairs_ && sides_ < 2) {
      (sides_ == 0 ? to_.merges.back().first : to_.merges.back().second) = std::move(value);
      ++sides_;
    } else {
      pairs_ = false;
    }
    return true;
  }

  bool key(string_t& name) override {
    if (part_ == Part::kVocabulary && depth_ == 1) to_.vocabulary.emplace_back(std::move(name), nullptr);
    if (part_ != Part::kTree) return true;
    // What was read of an earlier one of that name is not it.
    if ((open_.size() == 1 && name == "model") || (InModel() && name == "vocab")) to_.vocabulary.clear();
    if ((open_.size() == 1 && name == "model") || (InModel() && name == "merges")) to_.merges.clear();
    place_ = &(*open_.back())[name];
    if (open_.size() == 1) model_ = name == "model" ? place_ : nullptr;
    name_ = std::move(name);
    return true;
  }

  bool start_object(size_t) override {
    if (part_ == Part::kTree && InModel() && name_ == "vocab") return Capture(Part::kVocabulary, Json::object());
    if (part_ == Part::kTree) return Open(Json::object());
    ++depth_;
    if (part_ == Part::kMerges && depth_ == 2) ++count_;
    pairs_ = false;
    return true;
  }

  bool start_array(size_t) override {
    if (part_ == Part::kTree && InModel() && name_ == "merges") return Capture(Part::kMerges, Json::array());
    if (part_ == Part::kTree) return Open(Json::array());
    ++depth_;
    if (part_ == Part::kMerges && depth_ == 2) {
      Begin();
    } else {
      pairs_ = false;
    }
    return true;
  }

  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }

 private:
  enum class Part { kTree, kVocabulary, kMerges };

  bool InModel() const { return open_.size() == 2 && open_.back() == model_; }

  // Puts a value where the text has it.
  Json* Put(Json value) {
    if (open_.empty()) {
      to_.tree = std::move(value);
      return &to_.tree;
    }
    if (open_.back()->is_array()) {
      open_.back()->push_back(std::move(value));
      return &open_.back()->back();
    }
    *place_ = std::move(value);
    return place_;
  }

  bool Open(Json value) {
    open_.push_back(Put(std::move(value)));
    return true;
  }

  bool Capture(Part part, Json value) {
    part_ = part;
    place_ = Put(std::move(value));
    depth_ = 1;
    count_ = 0;
    pairs_ = true;
    return true;
  }

  bool Close() {
    if (part_ == Part::kTree) {
      open_.pop_back();
      return true;
    }
    --depth_;
    if (part_ == Part::kMerges && depth_ == 1) pairs_ = pairs_ && sides_ == 2;
    if (depth_ > 0) return true;
    if (part_ == Part::kMerges && !pairs_) {
      to_.merges.clear();
      *place_ = Json(count_, nullptr);
    }
    part_ = Part::kTree;
    return true;
  }

  // A merge, of which no side is known yet.
  void Begin() {
    ++count_;
    sides_ = 0;
    if (pairs_) to_.merges.emplace_back();
  }

  bool Value(Json value) {
    if (part_ == Part::kTree) {
      Put(std::move(value));
    } else if (part_ == Part::kVocabulary) {
      if (depth_ == 1) to_.vocabulary.back().second = std::move(value);
    } else {
      if (depth_ == 1) ++count_;
      pairs_ = false;
    }
    return true;
  }

  TokenizerDocument& to_;
  std::vector<Json*> open_;  // containers of the tree that have begun
  Json* place_ = nullptr;    // of the next value, in an object
  Json* model_ = nullptr;    // while the top's field of that name is read
  std::string name_;         // of place_
  Part part_ = Part::kTree;
  size_t depth_ = 0;  // containers that have begun in a part that is no tree, itself one of them
  size_t count_ = 0;  // merges
  size_t sides_ = 0;  // of the last merge
  bool pairs_ = true;
};

}  // namespace

bool SplitMerge(std::string_view text, std::pair<std::string, std::string>* pair) {
  const size_t blank = text.find(' ');
  if (blank == text.npos) return false;
  *pair = {std::string(text.substr(0, blank)), std::string(text.substr(blank + 1))};
  return true;
}

TokenizerDocument TokenizerDocument::Parse(std::string_view text, const std::string& source) {
  TokenizerDocument document;
  Reader reader(&document);
  ParseJsonEvents(text, source, &reader);
  return document;
}

TokenizerDocument TokenizerDocument::Of(const nlohmann::json& whole) {
  TokenizerDocument document;
  document.tree = whole;
  if (!whole.is_object() || !whole.contains("model") || !whole["model"].is_object()) return document;
  Json& model = document.tree["model"];
  if (model.contains("vocab") && model["vocab"].is_object()) {
    for (auto& [entry, id] : model["vocab"].items()) document.vocabulary.emplace_back(entry, id);
    model["vocab"] = Json::object();
  }
  if (!model.contains("merges") || !model["merges"].is_array()) return document;
  for (const Json& merge : model["merges"]) {
    const bool two = merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string();
    document.merges.emplace_back();
    if (two) {
      document.merges.back() = {merge[0].get<std::string>(), merge[1].get<std::string>()};
    } else if (!merge.is_string() || !SplitMerge(merge.get_ref<const std::string&>(), &document.merges.back())) {
      document.merges.clear();
      return document;
    }
  }
  model["merges"] = Json::array();
  return document;
}

}  // namespace invar
