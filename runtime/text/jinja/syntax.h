// A template as a tree, and how its text becomes one.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/text/jinja/value.h"

namespace invar::jinja {

struct Node;
using NodePtr = std::shared_ptr<Node>;

struct Node {
  enum Kind {
    // Statements. children: kBlock its statements; kOutput [value]; kFor [list, body, filter or null]; kIf [condition, body];
    // kSet [target, value] or [target, body block]; kMacro [body]; kCallBlock [call, body]; kFilterBlock [filter on body];
    // kWith [body], its names in `named`.
    kText, kOutput, kFor, kIf, kSet, kMacro, kCallBlock, kFilterBlock, kWith, kBreak, kContinue, kBlock,
    // Expressions. kCall, kFilter and kTest: children[0] is what they apply to, then arguments; named ones in `named`.
    kLiteral, kList, kTuple, kDict, kName, kAttribute, kIndex, kSlice, kUnary, kBinary, kComparison, kFilter, kTest, kCall,
    kConditional
  };
  Kind kind;
  int line = 0;
  std::string text;                                    // text, name, operator
  Value literal;
  std::vector<NodePtr> children;                       // a slice's may be null
  std::vector<std::pair<std::string, NodePtr>> named;  // arguments by name; a macro's parameters (default or null); a
                                                       // comparison's further operators with their right sides
  std::vector<std::string> names;                      // what a loop or a set assigns to
  NodePtr otherwise;                                   // else
};

// Throws Error: "<name>, line <n>: <what>".
NodePtr Parse(const std::string& source, const std::string& name);

[[noreturn]] void Fail(const std::string& name, int line, const std::string& what);

// What a tag holds, cut into words (lexer.cc).
struct Token {
  enum Kind { kName, kString, kInteger, kFloat, kOperator, kEnd } kind;
  std::string text;
  int line;
};
std::vector<Token> Lex(const std::string& source, int line, const std::string& name);

// Text and tags, with Hugging Face's rules for whitespace applied: trim_blocks, lstrip_blocks, and a last line end dropped.
struct Part {
  enum Kind { kText, kOutput, kStatement } kind;
  std::string text;
  int line;
};
std::vector<Part> Cut(const std::string& source, const std::string& name);

}  // namespace invar::jinja
