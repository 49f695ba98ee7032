// The goals of speed and how near a run came to them, as a table for docs/performance.md.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace invar::bench {

// Markdown: for each instruction set a line for each goal that the document has figures of, a column for each thread count; below
// them, what was measured where and when. Throws Error where the document lacks what it should have.
std::string GoalsTable(const nlohmann::ordered_json& document, const std::string& source);

// Whether a goal is about the figure of that name.
bool IsOfAGoal(const std::string& name);

inline constexpr char kGoalsBegin[] = "<!-- goals: begin; written by ./run bench --goals -->";
inline constexpr char kGoalsEnd[] = "<!-- goals: end -->";

// `page` with the table in place of what lies between the two marks. Throws Error where it has not both of them; messages
// call it `source`.
std::string WithGoals(const std::string& page, const std::string& table, const std::string& source);

}  // namespace invar::bench
