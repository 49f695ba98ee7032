#include <algorithm>
#include <charconv>
#include <set>

#include "runtime/base/decimal.h"
#include "runtime/text/jinja/syntax.h"

namespace invar::jinja {
namespace {

constexpr int kDeepest = 100;
constexpr size_t kMostNodes = 1000;  // of the expressions in one tag

// An expression, by precedence climbing: one method for each level, as Jinja's own parser has them.
class ExpressionParser {
 public:
  ExpressionParser(std::vector<Token> tokens, const std::string& name) : tokens_(std::move(tokens)), name_(name) {}

  const Token& Peek() const { return tokens_[at_]; }
  bool AtEnd() const { return Peek().kind == Token::kEnd; }
  bool Is(const char* text) const {
    return (Peek().kind == Token::kName || Peek().kind == Token::kOperator) && Peek().text == text;
  }
  bool Accept(const char* text) {
    if (!Is(text)) return false;
    ++at_;
    return true;
  }
  void Expect(const char* text) {
    if (!Accept(text)) Unexpected(std::string("'") + text + "' is expected");
  }
  std::string Name() {
    if (Peek().kind != Token::kName) Unexpected("a name is expected");
    return tokens_[at_++].text;
  }
  void End() {
    if (!AtEnd()) Unexpected("the tag should end");
  }
  [[noreturn]] void Unexpected(const std::string& what) const {
    Fail(name_, Peek().line, what + (AtEnd() ? ", but the tag ends" : ", not '" + Peek().text + "'"));
  }

  NodePtr Make(Node::Kind kind, const std::string& text = "") const {
    // Chains such as 1+1+1... nest to the left without a bracket: what reads the tree recurses.
    if (++nodes_ > kMostNodes) Fail(name_, Peek().line, "an expression is too long");
    NodePtr node = std::make_shared<Node>();
    node->kind = kind;
    node->line = Peek().line;
    node->text = text;
    return node;
  }

  // With inline if; `tuple`: also a, b, c without brackets.
  NodePtr Expression(bool tuple = false, bool conditional = true) {
    if (++depth_ > kDeepest) Fail(name_, Peek().line, "expressions are nested too deeply");
    NodePtr value = Or();
    while (conditional && Accept("if")) {
      NodePtr node = Make(Node::kConditional, "if");
      node->children = {Or(), value};
      if (Accept("else")) node->otherwise = Expression();
      value = node;
    }
    if (tuple && Is(",")) {
      NodePtr list = Make(Node::kTuple);
      list->children = {value};
      while (Accept(",")) {
        if (AtEnd()) break;
        list->children.push_back(Expression());
      }
      value = list;
    }
    --depth_;
    return value;
  }

  // Names that a loop, a set or an import assigns to: a, (a, b), a.b.
  NodePtr Target() {
    NodePtr target = Make(Node::kName);
    const bool brackets = Accept("(");
    do {
      target->names.push_back(Name());
    } while (Accept(","));
    if (brackets) Expect(")");
    target->text = target->names[0];
    return target;
  }

  // (a, b=1, ...) after its bracket, into a call, filter or test.
  void Arguments(const NodePtr& node) {
    while (!Accept(")")) {
      if (Is("*") || Is("**")) Unexpected("an argument is expected");
      if (Peek().kind == Token::kName && tokens_[at_ + 1].kind == Token::kOperator && tokens_[at_ + 1].text == "=") {
        const std::string argument = Name();
        Expect("=");
        node->named.emplace_back(argument, Expression());
      } else {
        if (!node->named.empty()) Unexpected("an argument by position stands after one by name");
        node->children.push_back(Expression());
      }
      if (!Is(")")) Expect(",");
    }
  }

  NodePtr Filters(NodePtr value) {
    while (Accept("|")) {
      NodePtr filter = Make(Node::kFilter, Name());
      filter->children = {value};
      if (Accept("(")) Arguments(filter);
      value = filter;
    }
    return value;
  }

 private:
  NodePtr Binary(const std::string& op, NodePtr left, NodePtr right) const {
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
    if (!Is("not")) return Comparison();
    if (++depth_ > kDeepest) Fail(name_, Peek().line, "expressions are nested too deeply");
    NodePtr node = Make(Node::kUnary, "not");
    Accept("not");
    node->children = {Not()};
    --depth_;
    return node;
  }
  // a < b <= c: children [a], named [("<", b), ("<=", c)].
  NodePtr Comparison() {
    NodePtr left = Sum();
    NodePtr node;
    for (;;) {
      std::string found;
      for (const char* op : {"==", "!=", "<=", ">=", "<", ">", "in"}) {
        if (Accept(op)) {
          found = op;
          break;
        }
      }
      if (found.empty() && Is("not") && tokens_[at_ + 1].text == "in" && tokens_[at_ + 1].kind == Token::kName) {
        at_ += 2;
        found = "not in";
      }
      if (found.empty()) return node != nullptr ? node : left;
      if (node == nullptr) {
        node = Make(Node::kComparison);
        node->children = {left};
      }
      node->named.emplace_back(found, Sum());
    }
  }
  NodePtr Sum() {
    NodePtr left = Concatenation();
    for (;;) {
      if (Accept("+")) {
        left = Binary("+", left, Concatenation());
      } else if (Accept("-")) {
        left = Binary("-", left, Concatenation());
      } else {
        return left;
      }
    }
  }
  NodePtr Concatenation() {
    NodePtr left = Product();
    while (Accept("~")) left = Binary("~", left, Product());
    return left;
  }
  NodePtr Product() {
    NodePtr left = Power();
    for (;;) {
      std::string found;
      for (const char* op : {"*", "//", "/", "%"}) {
        if (Accept(op)) {
          found = op;
          break;
        }
      }
      if (found.empty()) return left;
      left = Binary(found, left, Power());
    }
  }
  NodePtr Power() {
    NodePtr left = Unary(true);
    while (Accept("**")) left = Binary("**", left, Unary(true));
    return left;
  }
  // A sign binds tighter than a filter: -x | abs is (-x) | abs.
  NodePtr Unary(bool filters) {
    NodePtr value;
    if (Is("-") || Is("+")) {
      if (++depth_ > kDeepest) Fail(name_, Peek().line, "expressions are nested too deeply");
      value = Make(Node::kUnary, Peek().text);
      ++at_;
      value->children = {Unary(false)};
      --depth_;
    } else {
      value = Postfix(Primary());
    }
    return filters ? TestsAndFilters(value) : value;
  }
  NodePtr TestsAndFilters(NodePtr value) {
    for (;;) {
      if (Is("|")) {
        value = Filters(value);
      } else if (Accept("is")) {
        const bool negated = Accept("not");
        NodePtr test = Make(Node::kTest, Name());
        test->children = {value};
        if (Accept("(")) {
          Arguments(test);
        } else if (Peek().kind == Token::kString || Peek().kind == Token::kInteger || Peek().kind == Token::kFloat || Is("[") ||
                   (Peek().kind == Token::kName && !Is("and") && !Is("or") && !Is("else") && !Is("if") && !Is("is") &&
                    !Is("not") && !Is("in"))) {
          test->children.push_back(Postfix(Primary()));
        }
        if (Is("is")) Unexpected("tests cannot be chained");
        value = test;
        if (negated) {
          NodePtr inverse = Make(Node::kUnary, "not");
          inverse->children = {value};
          value = inverse;
        }
      } else {
        return value;
      }
    }
  }
  NodePtr Postfix(NodePtr value) {
    for (;;) {
      if (Accept(".")) {
        if (Peek().kind == Token::kInteger) {
          NodePtr node = Make(Node::kIndex, "[");
          node->children = {value, Number()};
          value = node;
          continue;
        }
        NodePtr node = Make(Node::kAttribute, Name());
        node->children = {value};
        value = node;
      } else if (Accept("[")) {
        value = Subscript(value);
      } else if (Accept("(")) {
        NodePtr node = Make(Node::kCall, "(");
        node->children = {value};
        Arguments(node);
        value = node;
      } else {
        return value;
      }
    }
  }
  NodePtr Subscript(NodePtr value) {
    NodePtr parts[3];
    int part = 0;
    bool slice = false;
    for (;;) {
      if (Accept(":")) {
        slice = true;
        if (++part > 2) Unexpected("a slice has at most three parts");
      } else if (Accept("]")) {
        break;
      } else {
        if (parts[part] != nullptr) Unexpected("']' is expected");
        parts[part] = Expression();
      }
    }
    if (!slice && parts[0] == nullptr) Unexpected("an index is expected");
    NodePtr node = Make(slice ? Node::kSlice : Node::kIndex, "[");
    node->children = {value, parts[0]};
    if (slice) node->children.insert(node->children.end(), {parts[1], parts[2]});
    return node;
  }
  NodePtr Number() {
    NodePtr node = Make(Node::kLiteral);
    const Token& token = tokens_[at_++];
    const char *begin = token.text.data(), *end = begin + token.text.size();
    if (token.kind == Token::kInteger) {
      int64_t i = 0;
      std::from_chars(begin, end, i);
      node->literal = i;
    } else {
      node->literal = ParseDecimal(token.text);
    }
    return node;
  }
  NodePtr Primary() {
    const Token& token = Peek();
    if (token.kind == Token::kInteger || token.kind == Token::kFloat) return Number();
    if (token.kind == Token::kString) {
      NodePtr node = Make(Node::kLiteral);
      std::string text;
      while (Peek().kind == Token::kString) text += tokens_[at_++].text;  // "a" "b"
      node->literal = text;
      return node;
    }
    if (Accept("(")) {
      if (Accept(")")) return Make(Node::kTuple);
      NodePtr inner = Expression();
      if (Is(",")) {
        NodePtr list = Make(Node::kTuple);
        list->children = {inner};
        while (Accept(",")) {
          if (Is(")")) break;
          list->children.push_back(Expression());
        }
        inner = list;
      }
      Expect(")");
      return inner;
    }
    if (Accept("[")) {
      NodePtr list = Make(Node::kList);
      while (!Accept("]")) {
        list->children.push_back(Expression());
        if (!Is("]")) Expect(",");
      }
      return list;
    }
    if (Accept("{")) {
      NodePtr dict = Make(Node::kDict);
      while (!Accept("}")) {
        dict->children.push_back(Expression());
        Expect(":");
        dict->children.push_back(Expression());
        if (!Is("}")) Expect(",");
      }
      return dict;
    }
    if (token.kind != Token::kName) Unexpected("a value is expected");
    static const std::set<std::string> reserved = {"and", "or", "not", "if", "else", "in", "is", "elif", "endif", "for"};
    if (reserved.count(token.text) != 0) Unexpected("a value is expected");
    NodePtr node = Make(Node::kName, token.text);
    const std::string word = Name();
    if (word == "true" || word == "True" || word == "false" || word == "False" || word == "none" || word == "None") {
      node->kind = Node::kLiteral;
      node->literal = word[0] == 'n' || word[0] == 'N' ? Value(None{}) : Value(word[0] == 't' || word[0] == 'T');
    }
    return node;
  }

  std::vector<Token> tokens_;
  const std::string& name_;
  size_t at_ = 0;
  int depth_ = 0;
  mutable size_t nodes_ = 0;
};

class TemplateParser {
 public:
  TemplateParser(const std::string& source, const std::string& name) : name_(name), parts_(Cut(source, name)) {}

  NodePtr Parse() {
    NodePtr root = Block({});
    return root;
  }

 private:
  static NodePtr Make(Node::Kind kind, int line) {
    NodePtr node = std::make_shared<Node>();
    node->kind = kind;
    node->line = line;
    return node;
  }

  // Statements up to a tag that begins with a word of `ends`, which is left in `end_` with its parser behind the word.
  NodePtr Block(const std::vector<std::string>& ends) {
    const int opened = at_ == 0 ? 1 : parts_[at_ - 1].line;
    if (++depth_ > kDeepest) Fail(name_, opened, "blocks are nested too deeply");
    NodePtr block = Make(Node::kBlock, opened);
    while (at_ < parts_.size()) {
      const Part& part = parts_[at_++];
      if (part.kind == Part::kText) {
        NodePtr text = Make(Node::kText, part.line);
        text->text = part.text;
        block->children.push_back(text);
        continue;
      }
      ExpressionParser parser(Lex(part.text, part.line, name_), name_);
      if (part.kind == Part::kOutput) {
        NodePtr output = Make(Node::kOutput, part.line);
        output->children = {parser.Expression(true)};
        parser.End();
        block->children.push_back(output);
        continue;
      }
      const std::string word = parser.Name();
      if (std::find(ends.begin(), ends.end(), word) != ends.end()) {
        end_ = word;
        end_parser_ = std::make_unique<ExpressionParser>(parser);
        --depth_;
        return block;
      }
      block->children.push_back(Statement(word, parser, part.line));
    }
    if (!ends.empty()) Fail(name_, opened, "'" + ends.back() + "' is missing");
    --depth_;
    return block;
  }

  NodePtr Statement(const std::string& word, ExpressionParser& parser, int line) {
    if (word == "for") return For(parser, line);
    if (word == "if") return If(parser, line);
    if (word == "set") return SetStatement(parser, line);
    if (word == "macro") return MacroStatement(parser, line);
    if (word == "break" || word == "continue") {
      parser.End();
      if (loops_ == 0) Fail(name_, line, "'" + word + "' stands outside a loop");
      return Make(word == "break" ? Node::kBreak : Node::kContinue, line);
    }
    if (word == "generation") {  // Hugging Face's marks around what the assistant says: a scope, and no filter
      parser.End();
      NodePtr node = Make(Node::kFilterBlock, line);
      const int loops = loops_;
      loops_ = 0;  // a loop cannot be left from within
      node->children = {Make(Node::kName, line), Block({"endgeneration"})};
      loops_ = loops;
      end_parser_->End();
      return node;
    }
    if (word == "with") {
      NodePtr node = Make(Node::kWith, line);
      while (!parser.AtEnd()) {
        const std::string name = parser.Name();
        parser.Expect("=");
        node->named.emplace_back(name, parser.Expression());
        if (!parser.AtEnd()) parser.Expect(",");
      }
      node->children = {Block({"endwith"})};
      end_parser_->End();
      return node;
    }
    if (word == "filter") {
      NodePtr node = Make(Node::kFilterBlock, line);
      NodePtr placeholder = Make(Node::kName, line);
      NodePtr filter = Make(Node::kFilter, line);
      filter->text = parser.Name();
      filter->children = {placeholder};
      if (parser.Accept("(")) parser.Arguments(filter);
      node->children = {parser.Filters(filter)};
      parser.End();
      node->children.push_back(Block({"endfilter"}));
      end_parser_->End();
      return node;
    }
    if (word == "call") {
      NodePtr node = Make(Node::kCallBlock, line);
      if (parser.Accept("(")) Parameters(parser, node);
      node->children = {parser.Expression()};
      if (node->children[0]->kind != Node::kCall) Fail(name_, line, "'call' needs a call");
      parser.End();
      node->children.push_back(Block({"endcall"}));
      end_parser_->End();
      return node;
    }
    Fail(name_, line, "the statement '" + word + "' is not supported");
  }

  NodePtr For(ExpressionParser& parser, int line) {
    NodePtr node = Make(Node::kFor, line);
    node->names = parser.Target()->names;
    parser.Expect("in");
    node->children = {parser.Expression(true, false), nullptr, nullptr};
    if (parser.Accept("if")) node->children[2] = parser.Expression();
    if (parser.Is("recursive")) parser.Unexpected("the tag should end ('recursive' is not supported)");
    parser.End();
    ++loops_;
    node->children[1] = Block({"else", "endfor"});
    --loops_;
    if (end_ == "else") {
      end_parser_->End();
      node->otherwise = Block({"endfor"});
    }
    end_parser_->End();
    return node;
  }

  NodePtr If(ExpressionParser& parser, int line) {
    NodePtr node = Make(Node::kIf, line);
    node->children = {parser.Expression(true)};
    parser.End();
    node->children.push_back(Block({"elif", "else", "endif"}));
    if (end_ == "elif") {
      if (++depth_ > kDeepest) Fail(name_, line, "blocks are nested too deeply");
      ExpressionParser inner = *end_parser_;
      node->otherwise = If(inner, inner.Peek().line);
      --depth_;
      return node;
    }
    if (end_ == "else") {
      end_parser_->End();
      node->otherwise = Block({"endif"});
    }
    end_parser_->End();
    return node;
  }

  NodePtr SetStatement(ExpressionParser& parser, int line) {
    NodePtr node = Make(Node::kSet, line);
    NodePtr target = parser.Target();
    if (parser.Accept(".")) {
      NodePtr attribute = Make(Node::kAttribute, line);
      attribute->text = parser.Name();
      attribute->children = {target};
      target = attribute;
    } else {
      node->names = target->names;
    }
    if (parser.Accept("=")) {
      node->children = {target, parser.Expression(true)};
      parser.End();
      return node;
    }
    if (node->names.size() > 1) parser.Unexpected("'=' is expected");
    // {% set x | filter %}...{% endset %}
    NodePtr placeholder = Make(Node::kName, line);
    NodePtr filters = parser.Filters(placeholder);
    parser.End();
    NodePtr body = Make(Node::kFilterBlock, line);
    body->children = {filters, Block({"endset"})};
    end_parser_->End();
    node->children = {target, body};
    return node;
  }

  void Parameters(ExpressionParser& parser, const NodePtr& node) {
    while (!parser.Accept(")")) {
      const std::string parameter = parser.Name();
      NodePtr fallback;
      if (parser.Accept("=")) fallback = parser.Expression();
      node->named.emplace_back(parameter, fallback);
      if (!parser.Is(")")) parser.Expect(",");
    }
  }

  NodePtr MacroStatement(ExpressionParser& parser, int line) {
    NodePtr node = Make(Node::kMacro, line);
    node->text = parser.Name();
    parser.Expect("(");
    Parameters(parser, node);
    parser.End();
    const int loops = loops_;
    loops_ = 0;
    node->children = {Block({"endmacro"})};
    loops_ = loops;
    if (!end_parser_->AtEnd()) end_parser_->Name();  // endmacro may repeat the name
    end_parser_->End();
    return node;
  }

  const std::string& name_;
  std::vector<Part> parts_;
  size_t at_ = 0;
  int depth_ = 0, loops_ = 0;
  std::string end_;
  std::unique_ptr<ExpressionParser> end_parser_;
};

}  // namespace

NodePtr Parse(const std::string& source, const std::string& name) { return TemplateParser(source, name).Parse(); }

}  // namespace invar::jinja
