// Renders a template.
#pragma once

#include <optional>
#include <string>

#include "runtime/text/jinja/meter.h"
#include "runtime/text/jinja/syntax.h"
#include "runtime/text/jinja/value.h"

namespace invar::jinja {

// A day for strftime_now: without one, a template that asks for it is refused, since its text would depend on the clock.
struct Date {
  int year = 0, month = 0, day = 0;
};

// `variables`: the template's globals. Throws Error where the template raises, or does what is not supported, with its line.
std::string Render(const Node& root, const std::string& name, const Dict& variables, const std::optional<Date>& today,
                   const Limits& limits = {});

}  // namespace invar::jinja
