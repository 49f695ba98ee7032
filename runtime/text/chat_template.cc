#include "runtime/text/chat_template.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/mapped_file.h"

namespace invar {

using Value = nlohmann::ordered_json;  // discarded: undefined

// One node of a template or of an expression.
struct ChatTemplate::Node {
  enum Kind {
    kText, kOutput, kFor, kIf, kSet, kBlock,                            // statements
    kLiteral, kName, kAttribute, kIndex, kUnary, kBinary, kFilter, kTest, kCall, kConditional  // expressions
  };
  Kind kind;
  int line = 0;
  std::string text;  // text, name, operator
  Value literal;
  std::vector<std::shared_ptr<Node>> children;
  std::shared_ptr<Node> otherwise;
};

namespace {

using Node = ChatTemplate::Node;
using NodePtr = std::shared_ptr<Node>;

constexpr int kDeepest = 100;
constexpr size_t kLongestOutput = size_t{64} << 20;
constexpr size_t kMostSteps = 10'000'000;

[[noreturn]] void Fail(const std::string& name, int line, const std::string& what) {
  throw Error(name + ", line " + std::to_string(line) + ": " + what);
}

struct Token {
  enum Kind { kName, kString, kNumber, kOperator, kEnd } kind;
  std::string text;
  int line;
};

// The inside of one {{ }} or {% %}.
std::vector<Token> Lex(const std::string& source, int line, const std::string& name) {
  std::vector<Token> tokens;
  for (size_t i = 0; i < source.size();) {
    const char c = source[i];
    if (c == '\n') ++line;
    if (std::isspace(static_cast<unsigned char>(c))) {
      ++i;
    } else if (std::isalpha(static_cast<unsigned char>(c)) || c == '_') {
      size_t end = i;
      while (end < source.size() && (std::isalnum(static_cast<unsigned char>(source[end])) || source[end] == '_')) ++end;
      tokens.push_back({Token::kName, source.substr(i, end - i), line});
      i = end;
    } else if (std::isdigit(static_cast<unsigned char>(c))) {
      size_t end = i;
      while (end < source.size() && std::isdigit(static_cast<unsigned char>(source[end]))) ++end;
      if (end - i > 15) Fail(name, line, "a number is too large");
      tokens.push_back({Token::kNumber, source.substr(i, end - i), line});
      i = end;
    } else if (c == '\'' || c == '"') {
      std::string text;
      size_t at = i + 1;
      for (; at < source.size() && source[at] != c; ++at) {
        if (source[at] != '\\') {
          text.push_back(source[at]);
          continue;
        }
        if (++at == source.size()) break;
        switch (source[at]) {
          case 'n': text.push_back('\n'); break;
          case 't': text.push_back('\t'); break;
          case 'r': text.push_back('\r'); break;
          case '\\': case '\'': case '"': text.push_back(source[at]); break;
          default: Fail(name, line, std::string("the escape \\") + source[at] + " is not supported");
        }
      }
      if (at >= source.size()) Fail(name, line, "a string does not end");
      for (size_t k = i; k < at; ++k) line += source[k] == '\n' ? 1 : 0;
      tokens.push_back({Token::kString, text, line});
      i = at + 1;
    } else {
      const std::string two = source.substr(i, 2);
      const bool pair = two == "==" || two == "!=" || two == "<=" || two == ">=" || two == "//";
      tokens.push_back({Token::kOperator, pair ? two : std::string(1, c), line});
      i += pair ? 2 : 1;
    }
  }
  tokens.push_back({Token::kEnd, "", line});
  return tokens;
}

class ExpressionParser {
 public:
  ExpressionParser(std::vector<Token> tokens, const std::string& name) : tokens_(std::move(tokens)), name_(name) {}

  const Token& Peek() const { return tokens_[at_]; }
  bool Is(const char* text) const { return Peek().kind != Token::kString && Peek().text == text; }
  bool Accept(const char* text) {
    if (!Is(text) || Peek().kind == Token::kEnd) return false;
    ++at_;
    return true;
  }
  void Expect(const char* text) {
    if (!Accept(text)) Fail(name_, Peek().line, std::string("'") + text + "' is expected, not '" + Peek().text + "'");
  }
  std::string Name() {
    if (Peek().kind != Token::kName) Fail(name_, Peek().line, "a name is expected, not '" + Peek().text + "'");
    return tokens_[at_++].text;
  }
  void End() {
    if (Peek().kind != Token::kEnd) Fail(name_, Peek().line, "'" + Peek().text + "' is not supported here");
  }

  NodePtr Expression() {
    if (++depth_ > kDeepest) Fail(name_, Peek().line, "expressions are nested too deeply");
    NodePtr value = Or();
    if (Accept("if")) {
      NodePtr node = Make(Node::kConditional, "if");
      node->children = {Or(), value};
      if (Accept("else")) node->otherwise = Expression();
      value = node;
    }
    --depth_;
    return value;
  }

 private:
  NodePtr Make(Node::Kind kind, const std::string& text) const {
    NodePtr node = std::make_shared<Node>();
    node->kind = kind;
    node->line = Peek().line;
    node->text = text;
    return node;
  }
  NodePtr Binary(const char* op, NodePtr left, NodePtr right) const {
    NodePtr node = Make(Node::kBinary, op);
    node->children = {std::move(left), std::move(right)};
    return node;
  }
  NodePtr Or() {
    NodePtr left = And();
    while (Accept("or")) left = Binary("or", left, And());
    return left;
  }
  NodePtr And() {
    NodePtr left = Not();
    while (Accept("and")) left = Binary("and", left, Not());
    return left;
  }
  NodePtr Not() {
    if (!Accept("not")) return Comparison();
    if (++depth_ > kDeepest) Fail(name_, Peek().line, "expressions are nested too deeply");
    NodePtr node = Make(Node::kUnary, "not");
    node->children = {Not()};
    --depth_;
    return node;
  }
  NodePtr Comparison() {
    NodePtr left = Sum();
    for (;;) {
      bool found = false;
      for (const char* op : {"==", "!=", "<=", ">=", "<", ">", "in"}) {
        if (Accept(op)) {
          left = Binary(op, left, Sum());
          found = true;
          break;
        }
      }
      if (!found && Is("not")) {
        Accept("not");
        Expect("in");
        NodePtr node = Make(Node::kUnary, "not");
        node->children = {Binary("in", left, Sum())};
        left = node;
        found = true;
      }
      if (!found) return left;
    }
  }
  NodePtr Sum() {
    NodePtr left = Product();
    for (;;) {
      if (Accept("+")) {
        left = Binary("+", left, Product());
      } else if (Accept("-")) {
        left = Binary("-", left, Product());
      } else if (Accept("~")) {
        left = Binary("~", left, Product());
      } else {
        return left;
      }
    }
  }
  NodePtr Product() {
    NodePtr left = Postfix();
    while (Accept("%")) left = Binary("%", left, Postfix());
    return left;
  }
  NodePtr Postfix() {
    NodePtr value = Primary();
    for (;;) {
      if (Accept(".")) {
        NodePtr node = Make(Node::kAttribute, Name());
        node->children = {value};
        value = node;
      } else if (Accept("[")) {
        NodePtr node = Make(Node::kIndex, "[");
        node->children = {value, Expression()};
        Expect("]");
        value = node;
      } else if (Accept("(")) {
        NodePtr node = Make(Node::kCall, "(");
        node->children = {value};
        while (!Accept(")")) {
          node->children.push_back(Expression());
          if (!Is(")")) Expect(",");
        }
        value = node;
      } else if (Accept("|")) {
        const std::string filter = Name();
        if (filter != "trim" && filter != "length" && filter != "tojson" && filter != "upper" && filter != "lower") {
          Fail(name_, Peek().line, "the filter '" + filter + "' is not supported");
        }
        NodePtr node = Make(Node::kFilter, filter);
        node->children = {value};
        if (Accept("(")) Expect(")");
        value = node;
      } else if (Accept("is")) {
        const bool negated = Accept("not");
        const std::string test = Name();
        if (test != "defined" && test != "none" && test != "string" && test != "mapping" && test != "iterable") {
          Fail(name_, Peek().line, "the test '" + test + "' is not supported");
        }
        NodePtr node = Make(Node::kTest, test);
        node->children = {value};
        if (negated) {
          NodePtr inverse = Make(Node::kUnary, "not");
          inverse->children = {node};
          node = inverse;
        }
        value = node;
      } else {
        return value;
      }
    }
  }
  NodePtr Primary() {
    const Token token = Peek();
    if (token.kind == Token::kString || token.kind == Token::kNumber) {
      ++at_;
      NodePtr node = Make(Node::kLiteral, "");
      node->literal = token.kind == Token::kString ? Value(token.text) : Value(std::stoll(token.text));
      return node;
    }
    if (Accept("(")) {
      NodePtr inner = Expression();
      Expect(")");
      return inner;
    }
    if (Accept("-")) {
      NodePtr node = Make(Node::kUnary, "-");
      node->children = {Postfix()};
      return node;
    }
    if (token.kind != Token::kName) Fail(name_, token.line, "'" + token.text + "' is not supported here");
    ++at_;
    static const std::map<std::string, Value> constants = {{"true", true},  {"True", true},   {"false", false},
                                                           {"False", false}, {"none", nullptr}, {"None", nullptr}};
    if (const auto found = constants.find(token.text); found != constants.end()) {
      NodePtr node = Make(Node::kLiteral, "");
      node->literal = found->second;
      return node;
    }
    return Make(Node::kName, token.text);
  }

  std::vector<Token> tokens_;
  const std::string& name_;
  size_t at_ = 0;
  int depth_ = 0;
};

// Text and tags, with Hugging Face's whitespace rules applied.
struct Part {
  enum Kind { kText, kOutput, kStatement } kind;
  std::string text;
  int line;
};

std::vector<Part> Cut(const std::string& source, const std::string& name) {
  std::vector<Part> parts;
  std::string text;
  int line = 1;
  bool strip_next = false, trim_newline = false;
  for (size_t at = 0;;) {
    size_t tag = source.find('{', at);
    while (tag != std::string::npos && (tag + 1 >= source.size() || std::string("{%#").find(source[tag + 1]) == std::string::npos)) {
      tag = source.find('{', tag + 1);
    }
    std::string before = source.substr(at, tag == std::string::npos ? std::string::npos : tag - at);
    const int lines = static_cast<int>(std::count(before.begin(), before.end(), '\n'));
    if (strip_next) {
      before.erase(0, before.find_first_not_of(" \t\r\n") == std::string::npos ? before.size()
                                                                               : before.find_first_not_of(" \t\r\n"));
    } else if (trim_newline && !before.empty() && before[0] == '\n') {
      before.erase(0, 1);  // trim_blocks
    }
    if (tag == std::string::npos) {
      if (!before.empty() && before.back() == '\n') before.pop_back();  // a template's last line end is not kept
      if (!before.empty()) parts.push_back({Part::kText, before, line});
      return parts;
    }
    const char kind = source[tag + 1];
    const char* close = kind == '{' ? "}}" : kind == '%' ? "%}" : "#}";
    const bool strip_before = tag + 2 < source.size() && source[tag + 2] == '-';
    if (strip_before) {
      before.erase(before.find_last_not_of(" \t\r\n") == std::string::npos ? 0 : before.find_last_not_of(" \t\r\n") + 1);
    } else if (kind != '{') {
      // lstrip_blocks: blanks between the start of a line and a block's tag go.
      const size_t last = before.find_last_not_of(" \t");
      if (last == std::string::npos ? (at == 0 || source[at - 1] == '\n') : before[last] == '\n') {
        before.erase(last == std::string::npos ? 0 : last + 1);
      }
    }
    if (!before.empty()) parts.push_back({Part::kText, before, line});
    line += lines;
    // A closing brace inside a string does not close.
    size_t end = tag + 2;
    char quote = 0;
    for (; end + 1 < source.size(); ++end) {
      if (kind != '#') {
        if (quote != 0) {
          if (source[end] == '\\') {
            ++end;
          } else if (source[end] == quote) {
            quote = 0;
          }
          continue;
        }
        if (source[end] == '\'' || source[end] == '"') {
          quote = source[end];
          continue;
        }
      }
      if (source.compare(end, 2, close) == 0) break;
    }
    if (end + 1 >= source.size()) Fail(name, line, "a tag does not end");
    size_t inner_begin = tag + 2 + (strip_before ? 1 : 0), inner_end = end;
    strip_next = inner_end > inner_begin && source[inner_end - 1] == '-';
    if (strip_next) --inner_end;
    trim_newline = kind != '{';
    const std::string inner = source.substr(inner_begin, inner_end - inner_begin);
    if (kind != '#') parts.push_back({kind == '{' ? Part::kOutput : Part::kStatement, inner, line});
    line += static_cast<int>(std::count(source.begin() + static_cast<ptrdiff_t>(tag),
                                        source.begin() + static_cast<ptrdiff_t>(end), '\n'));
    at = end + 2;
  }
}

class TemplateParser {
 public:
  TemplateParser(const std::string& source, const std::string& name) : name_(name), parts_(Cut(source, name)) {}

  NodePtr Parse() {
    NodePtr root = Block({});
    if (at_ < parts_.size()) Fail(name_, parts_[at_].line, "'" + parts_[at_].text + "' closes nothing");
    return root;
  }

 private:
  // Statements up to one that begins with a word of `ends`, which is left for the caller.
  NodePtr Block(const std::vector<std::string>& ends) {
    if (++depth_ > kDeepest) Fail(name_, parts_[at_ - 1].line, "blocks are nested too deeply");
    NodePtr block = Make(Node::kBlock, 0);
    for (; at_ < parts_.size(); ++at_) {
      const Part& part = parts_[at_];
      if (part.kind == Part::kText) {
        NodePtr text = Make(Node::kText, part.line);
        text->text = part.text;
        block->children.push_back(text);
        continue;
      }
      ExpressionParser parser(Lex(part.text, part.line, name_), name_);
      if (part.kind == Part::kOutput) {
        NodePtr output = Make(Node::kOutput, part.line);
        output->children = {parser.Expression()};
        parser.End();
        block->children.push_back(output);
        continue;
      }
      const std::string word = parser.Name();
      if (std::find(ends.begin(), ends.end(), word) != ends.end()) {
        --depth_;
        return block;
      }
      block->children.push_back(Statement(word, parser, part.line));
    }
    if (!ends.empty()) Fail(name_, parts_.empty() ? 1 : parts_.back().line, "'" + ends.back() + "' is missing");
    --depth_;
    return block;
  }

  // Leaves at_ on the statement's last tag.
  NodePtr Statement(const std::string& word, ExpressionParser& parser, int line) {
    if (word == "for") {
      NodePtr node = Make(Node::kFor, line);
      node->text = parser.Name();
      parser.Expect("in");
      node->children = {parser.Expression()};
      parser.End();
      ++at_;
      node->children.push_back(Block({"else", "endfor"}));
      if (Word() == "else") {
        ++at_;
        node->otherwise = Block({"endfor"});
      }
      return node;
    }
    if (word == "if" || word == "elif") {
      NodePtr node = Make(Node::kIf, line);
      node->children = {parser.Expression()};
      parser.End();
      ++at_;
      node->children.push_back(Block({"elif", "else", "endif"}));
      const std::string end = Word();
      if (end == "else") {
        ++at_;
        node->otherwise = Block({"endif"});
      } else if (end == "elif") {
        ExpressionParser inner(Lex(parts_[at_].text, parts_[at_].line, name_), name_);
        inner.Name();
        node->otherwise = Statement("elif", inner, parts_[at_].line);
      }
      return node;
    }
    if (word == "set") {
      NodePtr node = Make(Node::kSet, line);
      node->text = parser.Name();
      parser.Expect("=");
      node->children = {parser.Expression()};
      parser.End();
      return node;
    }
    Fail(name_, line, "the statement '" + word + "' is not supported");
  }

  std::string Word() const {
    return ExpressionParser(Lex(parts_[at_].text, parts_[at_].line, name_), name_).Name();
  }
  static NodePtr Make(Node::Kind kind, int line) {
    NodePtr node = std::make_shared<Node>();
    node->kind = kind;
    node->line = line;
    return node;
  }

  const std::string& name_;
  std::vector<Part> parts_;
  size_t at_ = 0;
  int depth_ = 0;
};

const Value kUndefined = Value(Value::value_t::discarded);

bool Truth(const Value& v) {
  if (v.is_discarded() || v.is_null()) return false;
  if (v.is_boolean()) return v.get<bool>();
  if (v.is_number()) return v != 0;
  if (v.is_string()) return !v.get_ref<const std::string&>().empty();
  return !v.empty();
}

class Evaluator {
 public:
  Evaluator(const std::string& name, Value variables) : name_(name) { scopes_.push_back(std::move(variables)); }

  void Run(const Node& node) {
    Count(node);
    switch (node.kind) {
      case Node::kBlock:
        for (const NodePtr& child : node.children) Run(*child);
        return;
      case Node::kText:
        out += node.text;
        return;
      case Node::kOutput:
        out += Text(Evaluate(*node.children[0]), node);
        if (out.size() > kLongestOutput) Fail(name_, node.line, "the text grows beyond 64 MiB");
        return;
      case Node::kSet:
        scopes_.back()[node.text] = Evaluate(*node.children[0]);
        return;
      case Node::kIf:
        if (Truth(Evaluate(*node.children[0]))) {
          Run(*node.children[1]);
        } else if (node.otherwise) {
          Run(*node.otherwise);
        }
        return;
      case Node::kFor:
        return Loop(node);
      default:
        Fail(name_, node.line, "an expression stands where a statement belongs");
    }
  }

  std::string out;

 private:
  void Count(const Node& node) {
    if (++steps_ > kMostSteps) Fail(name_, node.line, "the template takes too many steps");
  }

  void Loop(const Node& node) {
    const Value list = Evaluate(*node.children[0]);
    if (!list.is_array()) Fail(name_, node.line, "a loop runs over something that is not a list");
    if (list.empty() && node.otherwise) return Run(*node.otherwise);
    for (size_t i = 0; i < list.size(); ++i) {
      scopes_.push_back({{node.text, list[i]},
                         {"loop",
                          {{"index", i + 1}, {"index0", i}, {"first", i == 0}, {"last", i + 1 == list.size()},
                           {"length", list.size()}}}});
      Run(*node.children[1]);
      scopes_.pop_back();
    }
  }

  std::string Text(const Value& v, const Node& node) const {
    if (v.is_discarded()) return "";
    if (v.is_string()) return v.get<std::string>();
    if (v.is_null()) return "None";
    if (v.is_boolean()) return v.get<bool>() ? "True" : "False";
    if (v.is_number_integer()) return v.dump();
    Fail(name_, node.line, "writing a list, a mapping or a fraction is not supported; use tojson");
  }

  Value Field(const Value& of, const Value& key, const Node& node) const {
    if (of.is_discarded()) Fail(name_, node.line, "a field of something undefined is used");
    if (of.is_object() && key.is_string()) {
      const auto found = of.find(key.get_ref<const std::string&>());
      return found == of.end() ? kUndefined : *found;
    }
    if (of.is_array() && key.is_number_integer()) {
      int64_t i = key.get<int64_t>();
      if (i < 0) i += static_cast<int64_t>(of.size());
      return i >= 0 && i < static_cast<int64_t>(of.size()) ? of[static_cast<size_t>(i)] : kUndefined;
    }
    return kUndefined;
  }

  Value Evaluate(const Node& node) {
    Count(node);
    switch (node.kind) {
      case Node::kLiteral:
        return node.literal;
      case Node::kName:
        for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
          const auto found = scope->find(node.text);
          if (found != scope->end()) return *found;
        }
        return kUndefined;
      case Node::kAttribute:
        return Field(Evaluate(*node.children[0]), node.text, node);
      case Node::kIndex:
        return Field(Evaluate(*node.children[0]), Evaluate(*node.children[1]), node);
      case Node::kConditional:
        if (Truth(Evaluate(*node.children[0]))) return Evaluate(*node.children[1]);
        return node.otherwise ? Evaluate(*node.otherwise) : kUndefined;
      case Node::kUnary: {
        const Value v = Evaluate(*node.children[0]);
        if (node.text == "not") return !Truth(v);
        if (!v.is_number_integer()) Fail(name_, node.line, "only a whole number can be negated");
        return -v.get<int64_t>();
      }
      case Node::kFilter:
        return Filter(node, Evaluate(*node.children[0]));
      case Node::kTest: {
        const Value v = Evaluate(*node.children[0]);
        if (node.text == "defined") return !v.is_discarded();
        if (node.text == "none") return v.is_null();
        if (node.text == "string") return v.is_string();
        if (node.text == "mapping") return v.is_object();
        return v.is_array() || v.is_object() || v.is_string();
      }
      case Node::kCall: {
        if (node.children[0]->kind == Node::kName && node.children[0]->text == "raise_exception" &&
            node.children.size() == 2) {
          throw Error(name_ + " refuses these messages: " + Text(Evaluate(*node.children[1]), node));
        }
        Fail(name_, node.line, "this call is not supported");
      }
      case Node::kBinary:
        return Binary(node);
      default:
        Fail(name_, node.line, "a statement stands where an expression belongs");
    }
  }

  Value Filter(const Node& node, const Value& v) const {
    if (node.text == "tojson") {
      if (v.is_discarded()) Fail(name_, node.line, "tojson of something undefined");
      return v.dump();
    }
    if (node.text == "length") {
      if (v.is_string()) {
        const std::string& s = v.get_ref<const std::string&>();
        return static_cast<int64_t>(std::count_if(s.begin(), s.end(), [](char c) { return (c & 0xC0) != 0x80; }));
      }
      if (!v.is_array() && !v.is_object()) Fail(name_, node.line, "length of something that has none");
      return static_cast<int64_t>(v.size());
    }
    if (!v.is_string()) Fail(name_, node.line, node.text + " of something that is not text");
    std::string s = v.get<std::string>();
    if (node.text == "trim") {
      const size_t first = s.find_first_not_of(" \t\r\n\f\v");
      if (first == std::string::npos) return "";
      return s.substr(first, s.find_last_not_of(" \t\r\n\f\v") - first + 1);
    }
    for (char& c : s) {
      if (static_cast<unsigned char>(c) >= 0x80) Fail(name_, node.line, node.text + " of text beyond ASCII is not supported");
      c = static_cast<char>(node.text == "upper" ? std::toupper(c) : std::tolower(c));
    }
    return s;
  }

  Value Binary(const Node& node) {
    const std::string& op = node.text;
    const Value left = Evaluate(*node.children[0]);
    if (op == "and") return Truth(left) ? Evaluate(*node.children[1]) : left;
    if (op == "or") return Truth(left) ? left : Evaluate(*node.children[1]);
    const Value right = Evaluate(*node.children[1]);
    if (op == "==" || op == "!=") {
      const bool same = left.is_discarded() || right.is_discarded() ? left.is_discarded() && right.is_discarded()
                                                                    : left == right;
      return same == (op == "==");
    }
    if (op == "~") return Text(left, node) + Text(right, node);
    if (op == "in") {
      if (right.is_string() && left.is_string()) {
        return right.get_ref<const std::string&>().find(left.get_ref<const std::string&>()) != std::string::npos;
      }
      if (right.is_object() && left.is_string()) return right.contains(left.get_ref<const std::string&>());
      if (right.is_array()) return std::find(right.begin(), right.end(), left) != right.end();
      Fail(name_, node.line, "'in' asks something that holds nothing");
    }
    if (op == "+" && left.is_string() && right.is_string()) {
      return left.get_ref<const std::string&>() + right.get_ref<const std::string&>();
    }
    if (!left.is_number_integer() || !right.is_number_integer()) {
      Fail(name_, node.line, "'" + op + "' of these two values is not supported");
    }
    const int64_t a = left.get<int64_t>(), b = right.get<int64_t>();
    constexpr int64_t kLarge = int64_t{1} << 53;
    if (a > kLarge || a < -kLarge || b > kLarge || b < -kLarge) Fail(name_, node.line, "a number is too large");
    if (op == "+") return a + b;
    if (op == "-") return a - b;
    if (op == "<") return a < b;
    if (op == ">") return a > b;
    if (op == "<=") return a <= b;
    if (op == ">=") return a >= b;
    if (op == "%" && b != 0) return ((a % b) + b) % b;
    Fail(name_, node.line, "'" + op + "' is not supported");
  }

  const std::string& name_;
  std::vector<Value> scopes_;
  size_t steps_ = 0;
};

constexpr size_t kLargestFile = 16 << 20;

}  // namespace

ChatTemplate ChatTemplate::Parse(const std::string& source, const std::string& name) {
  ChatTemplate chat;
  chat.name_ = name;
  chat.root_ = TemplateParser(source, chat.name_).Parse();
  return chat;
}

std::optional<ChatTemplate> ChatTemplate::Load(const std::filesystem::path& directory) {
  std::error_code error;
  const std::filesystem::path file = directory / "chat_template.jinja", config = directory / "tokenizer_config.json";
  std::optional<ChatTemplate> chat;
  if (std::filesystem::exists(file, error)) chat = Parse(ReadWholeFile(file, kLargestFile), file.string());
  if (!std::filesystem::exists(config, error)) return chat;
  const nlohmann::json json = ParseJsonFile(config, kLargestFile);
  const JsonFields fields(json, config.string());
  if (!chat && !fields.IsNull("chat_template")) {
    chat = Parse(fields.String("chat_template").value(), config.string() + ": chat_template");
  }
  if (!chat) return chat;
  chat->tokens_ = Value::object();
  for (const char* name : {"bos_token", "eos_token", "pad_token", "unk_token"}) {
    if (fields.IsNull(name)) continue;
    const nlohmann::json& token = *fields.Find(name);
    if (token.is_string()) chat->tokens_[name] = token.get<std::string>();
    if (token.is_object() && token.contains("content") && token["content"].is_string()) {
      chat->tokens_[name] = token["content"].get<std::string>();
    }
  }
  return chat;
}

std::string ChatTemplate::Render(const nlohmann::ordered_json& messages, const ChatOptions& options) const {
  Value variables = tokens_.is_object() ? tokens_ : Value::object();
  if (options.variables.is_object()) {
    for (const auto& [name, value] : options.variables.items()) variables[name] = value;
  }
  variables["messages"] = messages;
  variables["add_generation_prompt"] = options.add_generation_prompt;
  Evaluator evaluator(name_, std::move(variables));
  evaluator.Run(*root_);
  return evaluator.out;
}

}  // namespace invar
