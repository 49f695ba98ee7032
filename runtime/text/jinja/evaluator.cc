#include "runtime/text/jinja/evaluator.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <memory>
#include <stdexcept>

#include "runtime/base/error.h"
#include "runtime/text/jinja/builtins.h"

namespace invar::jinja {

// A macro, or the body of a call block.
struct Macro {
  const Node* node;
};

namespace {

constexpr int kDeepestCalls = 60;
constexpr int64_t kMostTimes = int64_t{1} << 32;
constexpr int64_t kLargestInteger = int64_t{1} << 53;

enum class Flow { kNext, kBreak, kContinue };

class Evaluator {
 public:
  Evaluator(const std::string& name, const Dict& variables, const std::optional<Date>& today, const Limits& limits)
      : name_(name), today_(today), meter_(name, limits) {
    scopes_.push_back(variables);
  }

  std::string Whole(const Node& root) {
    Run(root);
    return std::move(out_);
  }

 private:
  void Count(const Node& node, size_t steps = 1) {
    meter_.line = node.line;
    meter_.Steps(steps);
  }

  void Write(const std::string& text, const Node& node) {
    meter_.line = node.line;
    meter_.Grows(out_, text.size());
    out_ += text;
  }

  std::string Text(const Value& v) { return jinja::Text(v, meter_); }

  // A name among its scope's, of which a long template may have many.
  void Define(Dict& scope, const std::string& name, Value value) {
    meter_.Search(scope, name);
    Set(scope, name, std::move(value));
  }

  // What a block writes, on its own.
  std::string Captured(const Node& block) {
    std::string outer = std::move(out_);
    out_.clear();
    Run(block);
    std::swap(outer, out_);
    return outer;
  }

  Flow Run(const Node& node) {
    try {
      return Statement(node);
    } catch (const std::invalid_argument& e) {  // what has no text
      Fail(name_, node.line, e.what());
    }
  }

  Flow Statement(const Node& node) {
    Count(node);
    switch (node.kind) {
      case Node::kBlock:
        for (const NodePtr& child : node.children) {
          if (const Flow flow = Run(*child); flow != Flow::kNext) return flow;
        }
        return Flow::kNext;
      case Node::kText:
        Write(node.text, node);
        return Flow::kNext;
      case Node::kOutput:
        Write(Text(Evaluate(*node.children[0])), node);
        return Flow::kNext;
      case Node::kIf:
        if (Truth(Evaluate(*node.children[0]))) return Run(*node.children[1]);
        return node.otherwise ? Run(*node.otherwise) : Flow::kNext;
      case Node::kFor:
        return Loop(node);
      case Node::kBreak:
        return Flow::kBreak;
      case Node::kContinue:
        return Flow::kContinue;
      case Node::kSet:
        Assign(node);
        return Flow::kNext;
      case Node::kMacro:
        Define(scopes_.back(), node.text, std::make_shared<const Macro>(Macro{&node}));
        return Flow::kNext;
      case Node::kWith: {
        Dict scope;
        for (const auto& [name, value] : node.named) Define(scope, name, Evaluate(*value));
        scopes_.push_back(std::move(scope));
        const Flow flow = Run(*node.children[0]);
        scopes_.pop_back();
        return flow;
      }
      case Node::kFilterBlock:
        Write(Text(Filtered(node)), node);
        return Flow::kNext;
      case Node::kCallBlock: {
        const Node* outer = caller_;
        caller_ = &node;
        const Value text = Evaluate(*node.children[0]);
        caller_ = outer;
        Write(Text(text), node);
        return Flow::kNext;
      }
      default:
        Fail(name_, node.line, "an expression stands where a statement belongs");
    }
  }

  // A block's text through the filters that stand on a placeholder.
  Value Filtered(const Node& node) {
    scopes_.emplace_back();
    const Value text = Captured(*node.children[1]);
    scopes_.pop_back();
    return Through(*node.children[0], text);
  }
  Value Through(const Node& filter, const Value& text) {
    if (filter.kind == Node::kName) return text;
    return Filter(filter, Through(*filter.children[0], text));
  }

  void Assign(const Node& node) {
    const Value value = node.children[1]->kind == Node::kFilterBlock ? Filtered(*node.children[1]) : Evaluate(*node.children[1]);
    const Node& target = *node.children[0];
    if (target.kind != Node::kAttribute) return Bind(node.names, value, node);
    const Value holder = Lookup(target.children[0]->text);
    if (!holder.Is<std::shared_ptr<Namespace>>()) Fail(name_, node.line, "only a namespace's attributes can be set");
    if (value.holds_namespace) Fail(name_, node.line, "a namespace within a namespace is not supported");
    RefuseHidden(target.text, node.line);
    Define(std::get<std::shared_ptr<Namespace>>(holder.data)->fields, target.text, value);
  }

  // Hugging Face's namespaces take no name that begins so.
  void RefuseHidden(const std::string& field, int line) const {
    if (field.starts_with('_')) Fail(name_, line, "a namespace's field cannot be called '" + field + "', with an underscore first");
  }

  void Bind(const std::vector<std::string>& names, const Value& value, const Node& node) {
    if (names.size() == 1) return Define(scopes_.back(), names[0], value);
    if (!value.IsList() || value.list().size() != names.size()) {
      Fail(name_, node.line, "there are " + std::to_string(names.size()) + " names for another number of values");
    }
    for (size_t i = 0; i < names.size(); ++i) Define(scopes_.back(), names[i], value.list()[i]);
  }

  Flow Loop(const Node& node) {
    const Arguments none = {{}, {}, meter_, node.line, "for"};
    List items = Items(Evaluate(*node.children[0]), none);
    if (node.children[2] != nullptr) {
      List kept;
      for (const Value& item : items) {
        scopes_.emplace_back();
        Bind(node.names, item, node);
        if (Truth(Evaluate(*node.children[2]))) kept.push_back(item);
        scopes_.pop_back();
      }
      items = std::move(kept);
    }
    if (items.empty()) return node.otherwise ? Run(*node.otherwise) : Flow::kNext;
    const int64_t size = static_cast<int64_t>(items.size());
    for (int64_t i = 0; i < size; ++i) {
      const size_t at = static_cast<size_t>(i);
      Count(node, 4);  // what a turn costs before its body
      scopes_.emplace_back();
      Dict loop = {{"index", i + 1},      {"index0", i},        {"first", i == 0},
                   {"last", i + 1 == size}, {"length", size},   {"revindex", size - i},
                   {"revindex0", size - i - 1}, {"depth", int64_t{1}}, {"depth0", int64_t{0}}, {"previtem", i > 0 ? items[at - 1] : Value()},
                   {"nextitem", i + 1 < size ? items[at + 1] : Value()}};
      Set(scopes_.back(), "loop", std::move(loop));
      Bind(node.names, items[at], node);
      const Flow flow = Run(*node.children[1]);
      scopes_.pop_back();
      if (flow == Flow::kBreak) break;
    }
    return Flow::kNext;
  }

  Value Lookup(const std::string& name) {
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
      meter_.Search(*scope, name);
      if (const Value* found = Find(*scope, name)) return *found;
    }
    return {};
  }

  Value Bounded(Value v, const Node& node) const {
    if (v.depth > kDeepestValue) Fail(name_, node.line, "lists are nested too deeply");
    return v;
  }

  Value Evaluate(const Node& node) {
    Count(node);
    switch (node.kind) {
      case Node::kLiteral:
        return node.literal;
      case Node::kName: {
        Value v = Lookup(node.text);
        return v.IsUndefined() && IsGlobal(node.text) ? Value(Function{}) : v;
      }
      case Node::kList:
      case Node::kTuple: {
        List list;
        Count(node, node.children.size());
        for (const NodePtr& child : node.children) list.push_back(Evaluate(*child));
        return Bounded(node.kind == Node::kTuple ? Tuple(std::move(list)) : Value(std::move(list)), node);
      }
      case Node::kDict: {
        Dict dict;
        for (size_t i = 0; i < node.children.size(); i += 2) {
          const Value key = Evaluate(*node.children[i]);
          if (!key.IsString()) Fail(name_, node.line, "a key that is no text is not supported");
          meter_.Made(key.string().size());
          Define(dict, key.string(), Evaluate(*node.children[i + 1]));
        }
        return Bounded(std::move(dict), node);
      }
      case Node::kAttribute: {
        const Value of = Evaluate(*node.children[0]);
        if (of.IsUndefined()) Fail(name_, node.line, "'" + node.text + "' of something undefined is used");
        if (of.IsFunction()) Fail(name_, node.line, "'" + node.text + "' of a function is not supported");
        meter_.line = node.line;
        return Attribute(of, node.text, meter_);
      }
      case Node::kIndex:
        return Index(node, Evaluate(*node.children[0]), Evaluate(*node.children[1]));
      case Node::kSlice:
        return Slice(node);
      case Node::kConditional:
        if (Truth(Evaluate(*node.children[0]))) return Evaluate(*node.children[1]);
        return node.otherwise ? Evaluate(*node.otherwise) : Value();
      case Node::kUnary:
        return Unary(node);
      case Node::kBinary:
        return Binary(node);
      case Node::kComparison:
        return Comparison(node);
      case Node::kFilter:
        return Filter(node, Evaluate(*node.children[0]));
      case Node::kTest: {
        if (!IsTest(node.text)) Fail(name_, node.line, "the test '" + node.text + "' is not supported");
        const Value v = Evaluate(*node.children[0]);
        return ApplyTest(node.text, v, Evaluated(node, node.text));
      }
      case Node::kCall:
        return Call(node);
      default:
        Fail(name_, node.line, "a statement stands where an expression belongs");
    }
  }

  // The arguments behind children[0].
  Arguments Evaluated(const Node& node, const std::string& callee) {
    Arguments a = {{}, {}, meter_, node.line, callee};
    for (size_t i = 1; i < node.children.size(); ++i) a.positional.push_back(Evaluate(*node.children[i]));
    for (const auto& [key, value] : node.named) a.named.emplace_back(key, Evaluate(*value));
    meter_.line = node.line;
    return a;
  }

  Value Filter(const Node& node, const Value& v) {
    if (!IsFilter(node.text)) Fail(name_, node.line, "the filter '" + node.text + "' is not supported");
    return Bounded(ApplyFilter(node.text, v, Evaluated(node, node.text)), node);
  }

  Value Index(const Node& node, const Value& of, const Value& key) {
    meter_.line = node.line;
    if (of.IsUndefined()) Fail(name_, node.line, "an item of something undefined is used");
    if (key.IsString()) return Item(of, key.string(), meter_);
    const bool counted = of.IsPlainList() || (of.IsList() && of.form == Form::kRange) || of.IsString();
    if (!key.IsInteger() || !counted) return {};
    if (of.IsString()) meter_.Bytes(2 * of.string().size());
    const int64_t size = static_cast<int64_t>(of.IsList() ? of.list().size() : Characters(of.string()));
    const int64_t i = key.integer() < 0 ? key.integer() + size : key.integer();
    if (i < 0 || i >= size) return {};
    if (of.IsList()) return of.list()[static_cast<size_t>(i)];
    return CharacterRange(of.string(), static_cast<size_t>(i), static_cast<size_t>(i) + 1);
  }

  // Python's v[begin:end:step].
  Value Slice(const Node& node) {
    const Value of = Evaluate(*node.children[0]);
    if (!of.IsPlainList() && !of.IsString() && !(of.IsList() && of.form == Form::kRange)) Fail(name_, node.line, "a part of something that is neither a list nor a text is used");
    const auto bound = [&](size_t part) -> std::optional<int64_t> {
      if (node.children[part] == nullptr) return std::nullopt;
      const Value v = Evaluate(*node.children[part]);
      if (v.Is<None>()) return std::nullopt;
      if (!v.IsInteger()) Fail(name_, node.line, "a part's bounds are whole numbers");
      return std::clamp(v.integer(), -kLargestInteger, kLargestInteger);
    };
    if (of.IsString()) meter_.Bytes(of.string().size());
    const int64_t size = static_cast<int64_t>(of.IsList() ? of.list().size() : Characters(of.string())), step = bound(3).value_or(1);
    if (step == 0) Fail(name_, node.line, "a part's step is 0");
    const auto clamped = [&](std::optional<int64_t> b, int64_t fallback) {
      if (!b) return fallback;
      const int64_t i = *b < 0 ? *b + size : *b;
      return step > 0 ? std::clamp<int64_t>(i, 0, size) : std::clamp<int64_t>(i, -1, size - 1);
    };
    const int64_t begin = clamped(bound(1), step > 0 ? 0 : size - 1), end = clamped(bound(2), step > 0 ? size : -1);
    meter_.line = node.line;
    if (of.IsString()) return TextSlice(of.string(), begin, end, step);
    List part;
    for (int64_t i = begin; step > 0 ? i < end : i > end; i += step) {
      meter_.Steps(1);
      part.push_back(of.list()[static_cast<size_t>(i)]);
    }
    return WithForm(std::move(part), of.form);
  }

  Value TextSlice(const std::string& s, int64_t begin, int64_t end, int64_t step) {
    meter_.Made(s.size());
    if (step == 1) return CharacterRange(s, static_cast<size_t>(begin), static_cast<size_t>(std::max(begin, end)));
    meter_.Bytes(4 * s.size());  // for where each character begins
    std::vector<size_t> begins;
    for (size_t at = 0; at < s.size(); at = CharacterEnd(s, at)) begins.push_back(at);
    std::string text;
    for (int64_t i = begin; step > 0 ? i < end : i > end; i += step) {
      const size_t at = begins[static_cast<size_t>(i)];
      text.append(s, at, CharacterEnd(s, at) - at);
    }
    return text;
  }

  Value Unary(const Node& node) {
    const Value v = Evaluate(*node.children[0]);
    if (node.text == "not") return !Truth(v);
    if (!v.IsNumber()) Fail(name_, node.line, "only a number has a sign");
    if (node.text == "+") return v;
    return v.IsInteger() ? Value(-v.integer()) : Value(-v.number());
  }

  Value Comparison(const Node& node) {
    Value left = Evaluate(*node.children[0]);
    for (const auto& [op, side] : node.named) {
      Value right = Evaluate(*side);
      meter_.line = node.line;
      const Arguments a = {{right}, {}, meter_, node.line, op};
      bool holds;
      if (op == "==" || op == "!=") {
        holds = Equal(left, right, meter_) == (op == "==");
      } else if (op == "in" || op == "not in") {
        if (right.IsString() && !left.IsString()) a.Refuse("only a text lies in a text");
        holds = ApplyTest("in", left, {{right}, {}, meter_, node.line, "in"}) == (op == "in");
      } else {
        const int order = Compare(left, right, a);
        holds = op == "<" ? order < 0 : op == "<=" ? order <= 0 : op == ">" ? order > 0 : order >= 0;
      }
      if (!holds) return false;
      left = std::move(right);
    }
    return true;
  }

  Value Binary(const Node& node) {
    const std::string& op = node.text;
    const Value left = Evaluate(*node.children[0]);
    if (op == "and") return Truth(left) ? Evaluate(*node.children[1]) : left;
    if (op == "or") return Truth(left) ? left : Evaluate(*node.children[1]);
    const Value right = Evaluate(*node.children[1]);
    meter_.line = node.line;
    if (op == "~") return Joined(Text(left), Text(right));
    if (op == "+" && left.IsString() && right.IsString()) return Joined(left.string(), right.string());
    if (op == "+" && left.IsPlainList() && right.IsPlainList() && left.form == right.form) {
      meter_.Steps(left.list().size() + right.list().size());
      List both = left.list();
      both.insert(both.end(), right.list().begin(), right.list().end());
      return WithForm(std::move(both), left.form);
    }
    if (op == "*" && right.IsPlainList() && left.IsInteger()) return RepeatedList(node, right, left.integer());
    if (op == "*" && left.IsPlainList() && right.IsInteger()) return RepeatedList(node, left, right.integer());
    if (op == "*" && left.IsString() && right.IsInteger()) return Repeated(node, left.string(), right.integer());
    if (op == "*" && right.IsString() && left.IsInteger()) return Repeated(node, right.string(), left.integer());
    if (!left.IsNumber() || !right.IsNumber()) Fail(name_, node.line, "'" + op + "' of these two values is not supported");
    return left.IsInteger() && right.IsInteger() && op != "/" ? OfIntegers(node, left.integer(), right.integer())
                                                              : OfFloats(node, left.number(), right.number());
  }

  Value Joined(const std::string& a, const std::string& b) {
    meter_.Made(a.size() + b.size());
    return a + b;
  }

  Value Repeated(const Node& node, const std::string& part, int64_t times) {
    std::string text;
    if (part.empty() || times <= 0) return text;
    meter_.line = node.line;
    // Past either limit before the product could overflow.
    const size_t count = static_cast<size_t>(std::min(times, kMostTimes));
    meter_.Made(count * part.size());
    for (int64_t i = 0; i < times; ++i) text += part;
    return text;
  }
  Value RepeatedList(const Node& node, const Value& part, int64_t times) {
    List list;
    if (part.list().empty() || times <= 0) return WithForm(list, part.form);
    Count(node, static_cast<size_t>(std::min(times, kMostTimes)) * part.list().size());
    for (int64_t i = 0; i < times; ++i) list.insert(list.end(), part.list().begin(), part.list().end());
    return WithForm(std::move(list), part.form);
  }

  Value OfIntegers(const Node& node, int64_t a, int64_t b) const {
    const std::string& op = node.text;
    const auto large = [](int64_t i) { return i > kLargestInteger || i < -kLargestInteger; };
    if (large(a) || large(b)) Fail(name_, node.line, "a number is too large");
    if (op == "+") return a + b;
    if (op == "-") return a - b;
    if (op == "*") {
      if (a != 0 && std::abs(b) > kLargestInteger / std::abs(a)) Fail(name_, node.line, "a number is too large");
      return a * b;
    }
    if (op == "**") {
      if (b < 0) Fail(name_, node.line, "a negative power is not supported");
      int64_t power = 1;
      for (; b > 0 && power != 0 && !(a == 1); --b) {
        if (std::abs(power) > kLargestInteger / std::max<int64_t>(1, std::abs(a))) Fail(name_, node.line, "a number is too large");
        power *= a;
        if (a == -1 && b > 2) b = 2 - b % 2 + 1;
      }
      return power;
    }
    if (b == 0) Fail(name_, node.line, "a division by zero");
    const int64_t rest = ((a % b) + b) % b;  // of the divisor's sign, as Python has it
    return op == "%" ? rest : (a - rest) / b;
  }

  Value OfFloats(const Node& node, double a, double b) const {
    const std::string& op = node.text;
    if (op == "+") return a + b;
    if (op == "-") return a - b;
    if (op == "*") return a * b;
    if (b == 0) Fail(name_, node.line, "a division by zero");
    if (op == "/") return a / b;
    Fail(name_, node.line, "'" + op + "' of fractions is not supported");
  }

  static bool IsFunction(const std::string& name) {
    return name == "raise_exception" || name == "strftime_now" || name == "namespace" || name == "range" || name == "dict";
  }

  // Jinja's and Hugging Face's names, those that cannot be called here too: they are there to be asked for.
  static bool IsGlobal(const std::string& name) {
    return IsFunction(name) || name == "cycler" || name == "joiner" || name == "lipsum" || name == "self";
  }

  Value Call(const Node& node) {
    const Node& callee = *node.children[0];
    if (callee.kind == Node::kAttribute) {
      const Value self = Evaluate(*callee.children[0]);
      if (self.IsUndefined()) Fail(name_, node.line, "'" + callee.text + "' of something undefined is called");
      const Arguments a = Evaluated(node, callee.text);
      if (callee.children[0]->kind == Node::kName && callee.children[0]->text == "loop" && callee.text == "cycle") {
        if (a.positional.empty()) a.Refuse("it needs something to choose from");
        return a.positional[static_cast<size_t>(Item(self, "index0", meter_).integer()) % a.positional.size()];
      }
      if (const std::optional<Value> result = CallMethod(self, callee.text, a)) return Bounded(*result, node);
      const Value field = Item(self, callee.text, meter_);
      if (field.Is<std::shared_ptr<const Macro>>()) return CallMacro(*std::get<std::shared_ptr<const Macro>>(field.data)->node, a);
      Fail(name_, node.line, "the method '" + callee.text + "' is not supported");
    }
    if (callee.kind != Node::kName) Fail(name_, node.line, "this call is not supported");
    const Value found = Lookup(callee.text);
    const Node* caller = caller_;
    caller_ = nullptr;  // the arguments are not called from the block
    const Arguments a = Evaluated(node, callee.text);
    caller_ = caller;
    if (found.Is<std::shared_ptr<const Macro>>()) return CallMacro(*std::get<std::shared_ptr<const Macro>>(found.data)->node, a);
    if (!found.IsUndefined() || !IsFunction(callee.text)) {
      Fail(name_, node.line, "'" + callee.text + "' is not a function" + (IsGlobal(callee.text) ? " that is supported" : ""));
    }
    return CallFunction(node, a);
  }

  Value CallFunction(const Node& node, const Arguments& a) {
    if (a.callee == "raise_exception") {
      const std::string why = Text(a.positional.empty() ? Value("") : a.positional[0]);
      throw Error(name_ + " refuses these messages: " + (why.size() <= 1000 ? why : why.substr(0, 1000) + "..."));
    }
    if (a.callee == "namespace" || a.callee == "dict") {
      Dict fields;
      for (const Value& v : a.positional) {
        if (!v.IsDict()) a.Refuse("it takes mappings and named values");
        for (const auto& [key, value] : v.dict()) {
          meter_.Made(key.size());
          Define(fields, key, value);
        }
      }
      for (const auto& [key, value] : a.named) Define(fields, key, value);
      if (a.callee == "dict") return Bounded(std::move(fields), node);
      for (const auto& [key, value] : fields) {
        RefuseHidden(key, node.line);
        if (value.holds_namespace) a.Refuse("a namespace within a namespace is not supported");
      }
      return std::make_shared<Namespace>(Namespace{std::move(fields)});
    }
    if (a.callee == "range") {
      a.Accept(3);
      if (a.positional.empty()) a.Refuse("it needs a whole number");
      const int64_t first = a.Integer(0, "", 0), step = a.Integer(2, "", 1);
      const int64_t begin = a.positional.size() > 1 ? first : 0, end = a.positional.size() > 1 ? a.Integer(1, "", 0) : first;
      if (step == 0) a.Refuse("its step is 0");
      List numbers;
      for (int64_t i = begin; step > 0 ? i < end : i > end; i += step) {
        if (numbers.size() >= 100'000) a.Refuse("the range is too long");
        meter_.Steps(1);
        numbers.emplace_back(i);
      }
      return WithForm(std::move(numbers), Form::kRange);
    }
    return Today(a);
  }

  Value Today(const Arguments& a) const {
    if (!today_) {
      throw Error(name_ + ", line " + std::to_string(a.line) +
                  ": the template writes today's date; give one with --date YYYY-MM-DD, so that the answer does not depend on the day");
    }
    std::tm day = {};
    day.tm_year = today_->year - 1900;
    day.tm_mon = today_->month - 1;
    day.tm_mday = today_->day;
    // The weekday, by Zeller's congruence, and the day of the year: no time zone has a say.
    const int m = today_->month < 3 ? today_->month + 12 : today_->month, y = today_->month < 3 ? today_->year - 1 : today_->year;
    day.tm_wday = (today_->day + 13 * (m + 1) / 5 + y + y / 4 - y / 100 + y / 400 + 6) % 7;
    const bool leap = (today_->year % 4 == 0 && today_->year % 100 != 0) || today_->year % 400 == 0;
    static constexpr int kDays[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    day.tm_yday = kDays[today_->month - 1] + today_->day - 1 + (leap && today_->month > 2 ? 1 : 0);
    const std::string format = a.String(0, "format");
    char text[512];
    const size_t length = format.empty() ? 0 : std::strftime(text, sizeof(text), format.c_str(), &day);
    return std::string(text, length);
  }

  Value CallMacro(const Node& macro, const Arguments& a) {
    if (++calls_ > kDeepestCalls) Fail(name_, a.line, "macros call one another too deeply");
    if (a.positional.size() > macro.named.size()) a.Refuse("it takes " + std::to_string(macro.named.size()) + " arguments");
    for (const auto& [key, value] : a.named) {
      if (std::none_of(macro.named.begin(), macro.named.end(), [&key = key](const auto& p) { return p.first == key; })) {
        a.Refuse("it has no argument '" + key + "'");
      }
    }
    // A macro sees the template's own variables and its parameters.
    std::vector<Dict> outer;
    std::swap(outer, scopes_);
    scopes_.push_back(std::move(outer[0]));
    scopes_.emplace_back();
    for (size_t i = 0; i < macro.named.size(); ++i) {
      const auto& [parameter, fallback] = macro.named[i];
      const Value* given = a.Find(i, parameter.c_str());
      Value value = given != nullptr ? *given : fallback != nullptr ? Evaluate(*fallback) : Value();
      Define(scopes_.back(), parameter, std::move(value));
    }
    const Node* caller = caller_;
    caller_ = nullptr;
    if (caller != nullptr) Set(scopes_.back(), "caller", std::make_shared<const Macro>(Macro{caller}));
    const Node& body = macro.kind == Node::kMacro ? *macro.children[0] : *macro.children[1];
    const std::string text = Captured(body);
    caller_ = caller;
    outer[0] = std::move(scopes_[0]);
    std::swap(outer, scopes_);
    --calls_;
    return text;
  }

  const std::string& name_;
  const std::optional<Date>& today_;
  Meter meter_;
  std::vector<Dict> scopes_;
  std::string out_;
  const Node* caller_ = nullptr;
  int calls_ = 0;
};

}  // namespace

std::string Render(const Node& root, const std::string& name, const Dict& variables, const std::optional<Date>& today,
                   const Limits& limits) {
  return Evaluator(name, variables, today, limits).Whole(root);
}

}  // namespace invar::jinja
