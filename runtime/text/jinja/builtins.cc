#include "runtime/text/jinja/builtins.h"

#include <algorithm>
#include <functional>
#include <map>
#include <stdexcept>

#include "runtime/text/jinja/syntax.h"

namespace invar::jinja {
namespace {

using Filter = Value (*)(const Value&, const Arguments&);
using Test = bool (*)(const Value&, const Arguments&);

Value Length(const Value& v, const Arguments& a) {
  if (v.IsUndefined()) return int64_t{0};
  if (v.IsIterator()) a.Refuse("an iterator has no length; make it a list first");
  if (v.IsString()) return static_cast<int64_t>(Characters(v.string()));
  if (v.IsList()) return static_cast<int64_t>(v.list().size());
  if (v.IsDict()) return static_cast<int64_t>(v.dict().size());
  a.Refuse("it has no length");
}

const std::string& StringOf(const Value& v, const Arguments& a) {
  if (!v.IsString()) a.Refuse("it takes a text");
  return v.string();
}

// map(attribute=...), selectattr("a", ...): "a.b" reaches into fields.
Value Reach(const Value& v, const std::string& path, Meter& meter) {
  Value found = v;
  meter.Bytes(path.size());
  for (size_t at = 0; at <= path.size();) {
    const size_t dot = std::min(path.find('.', at), path.size());
    found = Item(found, path.substr(at, dot - at), meter);
    at = dot + 1;
  }
  return found;
}

Value Selected(const Value& v, const Arguments& a, bool by_attribute, bool wanted) {
  const size_t first = by_attribute ? 1 : 0;
  const std::string attribute = by_attribute ? a.String(0, "attribute") : "";
  List kept;
  for (const Value& item : Items(v, a)) {
    const Value tested = by_attribute ? Reach(item, attribute, a.meter) : item;
    bool holds = Truth(tested);
    if (a.positional.size() > first) {
      const std::string test = a.String(first, "test");
      if (!IsTest(test)) a.Refuse("the test '" + test + "' is not supported");
      Arguments rest = {{a.positional.begin() + static_cast<ptrdiff_t>(first) + 1, a.positional.end()}, {}, a.meter, a.line, test};
      holds = ApplyTest(test, tested, rest);
    }
    if (holds == wanted) kept.push_back(item);
  }
  return Iterator(std::move(kept));
}

Value Mapped(const Value& v, const Arguments& a) {
  List out;
  if (const Value* attribute = a.Find(SIZE_MAX, "attribute")) {
    a.Accept(0, {"attribute", "default"});
    const Value* fallback = a.Find(SIZE_MAX, "default");
    for (const Value& item : Items(v, a)) {
      Value field = Reach(item, StringOf(*attribute, a), a.meter);
      out.push_back(field.IsUndefined() && fallback != nullptr ? *fallback : std::move(field));
    }
    return Iterator(std::move(out));
  }
  const std::string filter = a.String(0, "filter");
  if (!IsFilter(filter)) a.Refuse("the filter '" + filter + "' is not supported");
  const Arguments rest = {{a.positional.begin() + 1, a.positional.end()}, a.named, a.meter, a.line, filter};
  for (const Value& item : Items(v, a)) out.push_back(ApplyFilter(filter, item, rest));
  return Iterator(std::move(out));
}

// The value that sort, unique, min and max go by: a field of the item, in lower case unless case matters.
Value KeyOf(const Value& item, const std::string& attribute, bool exact, const Arguments& a) {
  Value key = attribute.empty() ? item : Reach(item, attribute, a.meter);
  return key.IsString() && !exact ? Value(Cased(key.string(), a, "lower")) : key;
}

Value Sorted(const Value& v, const Arguments& a) {
  a.Accept(3, {"reverse", "case_sensitive", "attribute"});
  List items = Items(v, a);
  const bool reverse = a.Flag(0, "reverse", false), exact = a.Flag(1, "case_sensitive", false);
  const std::string attribute = a.String(2, "attribute", "");
  std::stable_sort(items.begin(), items.end(), [&](const Value& x, const Value& y) {
    const Value &less = reverse ? y : x, &more = reverse ? x : y;
    return Compare(KeyOf(less, attribute, exact, a), KeyOf(more, attribute, exact, a), a) < 0;
  });
  return items;
}

Value Extreme(const Value& v, const Arguments& a, bool greatest) {
  a.Accept(2, {"case_sensitive", "attribute"});
  const bool exact = a.Flag(0, "case_sensitive", false);
  const std::string attribute = a.String(1, "attribute", "");
  Value found;
  bool first = true;
  for (const Value& item : Items(v, a)) {
    const int order = first ? 0 : Compare(KeyOf(item, attribute, exact, a), KeyOf(found, attribute, exact, a), a);
    if (first || (greatest ? order > 0 : order < 0)) found = item;
    first = false;
  }
  return found;
}

Value Unique(const Value& v, const Arguments& a) {
  a.Accept(2, {"case_sensitive", "attribute"});
  const bool exact = a.Flag(0, "case_sensitive", false);
  const std::string attribute = a.String(1, "attribute", "");
  List out, keys;
  for (const Value& item : Items(v, a)) {
    Value key = KeyOf(item, attribute, exact, a);
    a.meter.Steps(1);
    if (std::any_of(keys.begin(), keys.end(), [&](const Value& other) { return Equal(key, other, a.meter); })) continue;
    keys.push_back(std::move(key));
    out.push_back(item);
  }
  return Iterator(std::move(out));
}

Value Number(const Value& v, const Arguments& a, bool whole) {
  const Value* fallback = a.Find(0, "default");
  if (v.IsNumber()) {
    if (!whole) return v.number();
    if (v.IsInteger()) return v.integer();
    if (!(v.number() > -9e15 && v.number() < 9e15)) a.Refuse("the number is too large");
    return static_cast<int64_t>(v.number());
  }
  if (v.IsString()) {
    Arguments none = {{}, {}, a.meter, a.line, a.callee};
    const std::string text = Strip(v.string(), none, true, true);
    const char* begin = text.c_str();
    if (whole && !text.empty() && text.size() < 18 && text.find_first_not_of("0123456789", text[0] == '-' || text[0] == '+') == text.npos &&
        text.find_first_of("0123456789") != text.npos) {
      return int64_t{std::strtoll(begin, nullptr, 10)};
    }
    if (!text.empty() && text.find_first_not_of("0123456789.eE+-") == text.npos) {
      char* end = nullptr;
      const double d = std::strtod(begin, &end);
      if (*end == '\0' && d > -9e15 && d < 9e15) return whole ? Value(static_cast<int64_t>(d)) : Value(d);
    }
  }
  if (fallback != nullptr) return *fallback;
  return whole ? Value(int64_t{0}) : Value(0.0);
}

std::string Indented(const std::string& s, const Arguments& a) {
  a.meter.Made(s.size());
  a.Accept(3, {"width", "first", "blank"});
  const Value* width = a.Find(0, "width");
  const std::string pad = width != nullptr && width->IsString() ? width->string() : std::string(static_cast<size_t>(std::clamp<int64_t>(a.Integer(0, "width", 4), 0, 1000)), ' ');
  const bool first = a.Flag(1, "first", false), blank = a.Flag(2, "blank", false);
  std::string out;
  for (size_t at = 0, number = 0; at <= s.size(); ++number) {
    const size_t end = std::min(s.find('\n', at), s.size());
    if ((number > 0 || first) && (blank || end > at || (number == 0 && first))) a.meter.Grows(out, pad.size()), out += pad;
    out.append(s, at, end - at);
    if (end < s.size()) out += '\n';
    at = end + 1;
  }
  return out;
}

std::string Escaped(const std::string& s, Meter& meter) {
  std::string out;
  meter.Made(s.size());
  for (const char c : s) {
    meter.Whole(out.size());
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&#34;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

Value Json(const Value& v, const Arguments& a) {
  a.Accept(4, {"ensure_ascii", "indent", "separators", "sort_keys"});
  const Value* indent = a.Find(1, "indent");
  const int width = indent == nullptr || indent->Is<None>() ? -1 : static_cast<int>(std::clamp<int64_t>(a.Integer(1, "indent", 0), 0, 64));
  std::string item = width < 0 ? ", " : ",", key = ": ";
  if (const Value* separators = a.Find(2, "separators"); separators != nullptr && separators->IsList()) {
    if (separators->list().size() != 2) a.Refuse("separators are two texts");
    item = StringOf(separators->list()[0], a);
    key = StringOf(separators->list()[1], a);
  }
  try {
    return ToJson(v, width, a.Flag(0, "ensure_ascii", false), a.Flag(3, "sort_keys", false), item, key, a.meter);
  } catch (const std::invalid_argument& e) {
    a.Refuse(std::string("it cannot write ") + e.what());
  }
}

Value Joined(const Value& v, const Arguments& a) {
  a.Accept(2, {"d", "attribute"});
  const std::string by = a.String(0, "d", ""), attribute = a.String(1, "attribute", "");
  std::string out;
  bool first = true;
  for (const Value& item : Items(v, a)) {
    const std::string text = Text(attribute.empty() ? item : Reach(item, attribute, a.meter), a.meter);
    a.meter.Grows(out, by.size() + text.size());
    if (!first) out += by;
    first = false;
    out += text;
  }
  return out;
}

List Pairs(const Value& v, const Arguments& a) {
  if (!v.IsDict()) a.Refuse("it takes a mapping");
  List out;
  for (const auto& [key, value] : v.dict()) {
    a.meter.Steps(4);
    a.meter.Made(key.size());
    out.push_back(Tuple({key, value}));
  }
  return out;
}

Value DictSorted(const Value& v, const Arguments& a) {
  a.Accept(1, {"case_sensitive"});
  const bool exact = a.Flag(0, "case_sensitive", false);
  List pairs = Pairs(v, a);
  std::stable_sort(pairs.begin(), pairs.end(), [&](const Value& x, const Value& y) {
    return Compare(KeyOf(x.list()[0], "", exact, a), KeyOf(y.list()[0], "", exact, a), a) < 0;
  });
  return pairs;
}

Value Reversed(const Value& v, const Arguments& a) {
  if (v.IsString()) {
    const std::string& s = v.string();
    a.meter.Made(s.size());
    std::string out;
    for (size_t end = s.size(), begin; end > 0; end = begin) {
      begin = CharacterBegin(s, end);
      out.append(s, begin, end - begin);
    }
    return out;
  }
  List items = Items(v, a);
  if (v.IsIterator()) a.Refuse("an iterator has no end to begin at; make it a list first");
  std::reverse(items.begin(), items.end());
  return Iterator(std::move(items));
}

const std::map<std::string, Filter>& Filters() {
  static const std::map<std::string, Filter> filters = {
      {"trim", [](const Value& v, const Arguments& a) -> Value { return Strip(Text(v, a.meter), a, true, true); }},
      {"length", Length},
      {"count", Length},
      {"tojson", Json},
      {"upper", [](const Value& v, const Arguments& a) -> Value { return Cased(Text(v, a.meter), a, "upper"); }},
      {"lower", [](const Value& v, const Arguments& a) -> Value { return Cased(Text(v, a.meter), a, "lower"); }},
      {"title", [](const Value& v, const Arguments& a) -> Value { return Cased(Text(v, a.meter), a, "title"); }},
      {"capitalize", [](const Value& v, const Arguments& a) -> Value { return Cased(Text(v, a.meter), a, "capitalize"); }},
      {"string", [](const Value& v, const Arguments& a) -> Value { return Text(v, a.meter); }},
      {"safe", [](const Value& v, const Arguments& a) -> Value { return Text(v, a.meter); }},
      {"escape", [](const Value& v, const Arguments& a) -> Value { return Escaped(Text(v, a.meter), a.meter); }},
      {"e", [](const Value& v, const Arguments& a) -> Value { return Escaped(Text(v, a.meter), a.meter); }},
      {"int", [](const Value& v, const Arguments& a) { return Number(v, a, true); }},
      {"float", [](const Value& v, const Arguments& a) { return Number(v, a, false); }},
      {"abs",
       [](const Value& v, const Arguments& a) -> Value {
         if (v.IsInteger()) return v.integer() < 0 ? -v.integer() : v.integer();
         if (!v.Is<double>()) a.Refuse("it takes a number");
         return v.number() < 0 ? -v.number() : v.number();
       }},
      {"default",
       [](const Value& v, const Arguments& a) -> Value {
         a.Accept(2, {"default_value", "boolean"});
         const Value* fallback = a.Find(0, "default_value");
         const bool use = v.IsUndefined() || (a.Flag(1, "boolean", false) && !Truth(v));
         return !use ? v : fallback == nullptr ? Value("") : *fallback;
       }},
      {"d", [](const Value& v, const Arguments& a) { return ApplyFilter("default", v, a); }},
      {"join", Joined},
      {"replace",
       [](const Value& v, const Arguments& a) -> Value {
         a.Accept(3, {"old", "new", "count"});
         return Replace(Text(v, a.meter), a.String(0, "old"), a.String(1, "new"), a.Integer(2, "count", -1), a.meter);
       }},
      {"first",
       [](const Value& v, const Arguments& a) -> Value {
         if (v.IsString()) return v.string().empty() ? Value() : Value(v.string().substr(0, CharacterEnd(v.string(), 0)));
         const List items = Items(v, a);
         return items.empty() ? Value() : items.front();
       }},
      {"last",
       [](const Value& v, const Arguments& a) -> Value {
         if (v.IsIterator()) a.Refuse("an iterator has no last item; make it a list first");
         if (v.IsString()) return v.string().empty() ? Value() : Value(v.string().substr(CharacterBegin(v.string(), v.string().size())));
         const List items = Items(v, a);
         return items.empty() ? Value() : items.back();
       }},
      {"list", [](const Value& v, const Arguments& a) -> Value { return Items(v, a); }},
      {"items", [](const Value& v, const Arguments& a) { return Iterator(v.IsUndefined() ? List{} : Pairs(v, a)); }},
      {"dictsort", DictSorted},
      {"map", Mapped},
      {"select", [](const Value& v, const Arguments& a) -> Value { return Selected(v, a, false, true); }},
      {"reject", [](const Value& v, const Arguments& a) -> Value { return Selected(v, a, false, false); }},
      {"selectattr", [](const Value& v, const Arguments& a) -> Value { return Selected(v, a, true, true); }},
      {"rejectattr", [](const Value& v, const Arguments& a) -> Value { return Selected(v, a, true, false); }},
      {"reverse", Reversed},
      {"sort", Sorted},
      {"unique", Unique},
      {"max", [](const Value& v, const Arguments& a) { return Extreme(v, a, true); }},
      {"min", [](const Value& v, const Arguments& a) { return Extreme(v, a, false); }},
      {"indent", [](const Value& v, const Arguments& a) -> Value { return Indented(Text(v, a.meter), a); }},
      {"sum",
       [](const Value& v, const Arguments& a) -> Value {
         a.Accept(1, {"attribute"});
         const std::string attribute = a.String(0, "attribute", "");
         int64_t total = 0;
         for (const Value& item : Items(v, a)) {
           const Value part = attribute.empty() ? item : Reach(item, attribute, a.meter);
           if (!part.IsInteger() || part.integer() > INT32_MAX || part.integer() < INT32_MIN) a.Refuse("it takes whole numbers");
           total += part.integer();
         }
         return total;
       }}};
  return filters;
}

const std::map<std::string, Test>& Tests() {
  static const auto equal = [](const Value& v, const Arguments& a) { return Equal(v, a.positional.at(0), a.meter); };
  static const auto ordered = [](const Value& v, const Arguments& a) { return Compare(v, a.positional.at(0), a); };
  static const std::map<std::string, Test> tests = {
      {"defined", [](const Value& v, const Arguments&) { return !v.IsUndefined(); }},
      {"undefined", [](const Value& v, const Arguments&) { return v.IsUndefined(); }},
      {"none", [](const Value& v, const Arguments&) { return v.Is<None>(); }},
      {"string", [](const Value& v, const Arguments&) { return v.IsString(); }},
      {"mapping", [](const Value& v, const Arguments&) { return v.IsDict(); }},
      {"iterable", [](const Value& v, const Arguments&) { return v.IsList() || v.IsDict() || v.IsString() || v.IsUndefined(); }},
      {"sequence", [](const Value& v, const Arguments&) { return v.IsPlainList() || (v.IsList() && v.form == Form::kRange) || v.IsDict() || v.IsString() || v.IsUndefined(); }},
      {"number", [](const Value& v, const Arguments&) { return v.IsNumber(); }},
      {"integer", [](const Value& v, const Arguments&) { return v.Is<int64_t>(); }},
      {"float", [](const Value& v, const Arguments&) { return v.Is<double>(); }},
      {"boolean", [](const Value& v, const Arguments&) { return v.Is<bool>(); }},
      {"true", [](const Value& v, const Arguments&) { return v.Is<bool>() && std::get<bool>(v.data); }},
      {"false", [](const Value& v, const Arguments&) { return v.Is<bool>() && !std::get<bool>(v.data); }},
      {"callable", [](const Value& v, const Arguments&) { return v.IsFunction(); }},
      {"odd", [](const Value& v, const Arguments& a) { if (!v.IsInteger()) a.Refuse("it takes a whole number"); return v.integer() % 2 != 0; }},
      {"even", [](const Value& v, const Arguments& a) { if (!v.IsInteger()) a.Refuse("it takes a whole number"); return v.integer() % 2 == 0; }},
      {"divisibleby",
       [](const Value& v, const Arguments& a) {
         const int64_t by = a.Integer(0, "num", 0);
         if (!v.IsInteger() || by == 0 || by == -1) a.Refuse("it takes whole numbers");
         return v.integer() % by == 0;
       }},
      {"equalto", equal},
      {"eq", equal},
      {"==", equal},
      {"sameas", [](const Value& v, const Arguments& a) { return v.data.index() == a.positional.at(0).data.index() && Equal(v, a.positional[0], a.meter); }},
      {"ne", [](const Value& v, const Arguments& a) { return !Equal(v, a.positional.at(0), a.meter); }},
      {"!=", [](const Value& v, const Arguments& a) { return !Equal(v, a.positional.at(0), a.meter); }},
      {"lt", [](const Value& v, const Arguments& a) { return ordered(v, a) < 0; }},
      {"<", [](const Value& v, const Arguments& a) { return ordered(v, a) < 0; }},
      {"le", [](const Value& v, const Arguments& a) { return ordered(v, a) <= 0; }},
      {"<=", [](const Value& v, const Arguments& a) { return ordered(v, a) <= 0; }},
      {"gt", [](const Value& v, const Arguments& a) { return ordered(v, a) > 0; }},
      {">", [](const Value& v, const Arguments& a) { return ordered(v, a) > 0; }},
      {"ge", [](const Value& v, const Arguments& a) { return ordered(v, a) >= 0; }},
      {">=", [](const Value& v, const Arguments& a) { return ordered(v, a) >= 0; }},
      {"lessthan", [](const Value& v, const Arguments& a) { return ordered(v, a) < 0; }},
      {"greaterthan", [](const Value& v, const Arguments& a) { return ordered(v, a) > 0; }},
      {"in",
       [](const Value& v, const Arguments& a) {
         const Value& whole = a.positional.at(0);
         if (whole.IsString() && v.IsString()) return FindFirst(whole.string(), v.string(), 0, a.meter) != std::string::npos;
         const List items = Items(whole, a);
         return std::any_of(items.begin(), items.end(), [&](const Value& item) { return Equal(item, v, a.meter); });
       }}};
  return tests;
}

}  // namespace

void Arguments::Refuse(const std::string& what) const { Fail(meter.source, line, "'" + callee + "': " + what); }

const Value* Arguments::Find(size_t position, const char* name) const {
  if (position < positional.size()) return &positional[position];
  for (const auto& [key, value] : named) {
    if (key == name) return &value;
  }
  return nullptr;
}

void Arguments::Accept(size_t most, std::initializer_list<const char*> names) const {
  if (positional.size() > most) Refuse("it takes at most " + std::to_string(most) + " arguments");
  for (const auto& [key, value] : named) {
    if (std::none_of(names.begin(), names.end(), [&key = key](const char* n) { return key == n; })) {
      Refuse("the argument '" + key + "' is not supported");
    }
  }
}

std::string Arguments::String(size_t position, const char* name, const char* fallback) const {
  const Value* v = Find(position, name);
  if ((v == nullptr || v->Is<None>()) && fallback != nullptr) return fallback;
  if (v == nullptr || !v->IsString()) Refuse(std::string("it needs a text, ") + name);
  meter.Bytes(v->string().size());
  return v->string();
}

int64_t Arguments::Integer(size_t position, const char* name, int64_t fallback) const {
  const Value* v = Find(position, name);
  if (v == nullptr || v->Is<None>()) return fallback;
  if (!v->IsInteger()) Refuse(std::string("it needs a whole number, ") + name);
  return v->integer();
}

bool Arguments::Flag(size_t position, const char* name, bool fallback) const {
  const Value* v = Find(position, name);
  return v == nullptr ? fallback : Truth(*v);
}

bool IsFilter(const std::string& name) { return Filters().count(name) != 0; }
Value ApplyFilter(const std::string& name, const Value& v, const Arguments& a) {
  if (name != "default" && name != "d") a.meter.Visit(v);
  return Filters().at(name)(v, a);
}

bool IsTest(const std::string& name) { return Tests().count(name) != 0; }
bool ApplyTest(const std::string& name, const Value& v, const Arguments& a) {
  static const std::vector<std::string> one = {"equalto", "eq", "==", "sameas", "ne", "!=", "lt", "le", "gt", "ge", "<", "<=", ">", ">=", "lessthan", "greaterthan", "in"};
  const bool takes_one = std::find(one.begin(), one.end(), name) != one.end();
  if (takes_one && a.positional.size() != 1) a.Refuse("it takes one argument");
  if (!takes_one && name != "divisibleby" && !a.positional.empty()) a.Refuse("it takes no argument");
  return Tests().at(name)(v, a);
}

List Items(const Value& v, const Arguments& a) {
  if (v.IsUndefined()) return {};
  if (v.IsIterator()) {
    if (*v.used) a.Refuse("an iterator gives its items once; make it a list first");
    *v.used = true;
  }
  if (v.IsList()) {
    a.meter.Steps(v.list().size());
    return v.list();
  }
  List items;
  if (v.IsDict()) {
    for (const auto& [key, value] : v.dict()) {
      a.meter.Steps(1);
      a.meter.Made(key.size());
      items.emplace_back(key);
    }
  } else if (v.IsString()) {
    const std::string& s = v.string();
    const size_t count = Characters(s);
    a.meter.Bytes(s.size());
    a.meter.Steps(3 * count);
    items.reserve(count);
    for (size_t at = 0, end; at < s.size(); at = end) {
      end = CharacterEnd(s, at);
      items.emplace_back(s.substr(at, end - at));
    }
  } else {
    a.Refuse("it takes a list, a mapping or a text");
  }
  return items;
}

namespace {

Value Field(const Value& v, const std::string& name, Meter& meter) {
  if (!v.IsDict() && !v.Is<std::shared_ptr<Namespace>>()) return {};
  const Dict& fields = v.IsDict() ? v.dict() : std::get<std::shared_ptr<Namespace>>(v.data)->fields;
  meter.Search(fields, name);
  const Value* found = Find(fields, name);
  return found == nullptr ? Value() : *found;
}

}  // namespace

Value Attribute(const Value& v, const std::string& name, Meter& meter) {
  switch (MethodOf(v, name)) {
    case Method::kGiven: return Function{};
    case Method::kForbidden: return {};
    case Method::kNone: return Field(v, name, meter);
  }
  return {};
}

Value Item(const Value& v, const std::string& name, Meter& meter) {
  Value field = Field(v, name, meter);
  return field.IsUndefined() ? Attribute(v, name, meter) : field;
}

int Compare(const Value& a, const Value& b, const Arguments& arguments) {
  arguments.meter.Steps(1);
  if (a.IsInteger() && b.IsInteger()) return a.integer() < b.integer() ? -1 : a.integer() > b.integer();
  if (a.IsNumber() && b.IsNumber()) return a.number() < b.number() ? -1 : a.number() > b.number();
  if (a.IsString() && b.IsString()) {
    arguments.meter.Bytes(std::min(a.string().size(), b.string().size()));
    return a.string().compare(b.string());
  }
  arguments.Refuse("these two values have no order");
}

}  // namespace invar::jinja
