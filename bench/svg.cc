#include "bench/svg.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "runtime/base/error.h"

namespace invar::bench {
namespace {

constexpr double kWidth = 720, kHeight = 420, kLeft = 80, kRight = 20, kTop = 44, kBottom = 56;
constexpr const char* kColours[] = {"#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf"};

std::string Escaped(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    escaped += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&quot;" : std::string(1, c);
  }
  return escaped;
}

std::string Number(double v, const char* format = "%.1f") {
  char text[32];
  std::snprintf(text, sizeof(text), format, v);
  return text;
}

struct Axis {
  bool log = false;
  double from = 0, to = 1;
  double begin = 0, end = 1;  // in the drawing

  double At(double v) const {
    const double share = log ? std::log(v / from) / std::log(to / from) : (v - from) / (to - from);
    return begin + (end - begin) * share;
  }

  std::vector<double> Ticks() const {
    std::vector<double> ticks;
    if (log) {
      // Powers of two over a few octaves, else of ten.
      const bool twos = to / from < 2000;
      const double base = twos ? 2 : 10;
      const double first = std::ceil(std::log(from) / std::log(base) - 1e-9);
      for (double e = first; std::pow(base, e) <= to * (1 + 1e-9); ++e) ticks.push_back(std::pow(base, e));
      return ticks;
    }
    const double rough = (to - from) / 6;
    const double power = std::pow(10, std::floor(std::log10(rough)));
    const double step = power * (rough / power < 1.5 ? 1 : rough / power < 3.5 ? 2 : rough / power < 7.5 ? 5 : 10);
    for (double v = std::ceil(from / step - 1e-9) * step; v <= to + step * 1e-9; v += step) {
      ticks.push_back(std::abs(v) < step * 1e-6 ? 0 : v);
    }
    return ticks;
  }
};

Axis AxisOver(bool log, double least, double most, double begin, double end) {
  if (log && least <= 0) throw Error("a logarithmic axis cannot show " + Number(least, "%g"));
  Axis axis = {log, least, most, begin, end};
  if (!log) {
    axis.from = std::min(0.0, least);
    axis.to = most > axis.from ? axis.from + (most - axis.from) * 1.05 : axis.from + 1;
  } else if (most <= least) {
    axis.to = least * 2;
  }
  return axis;
}

}  // namespace

std::string Svg(const Chart& chart) {
  double x_least = INFINITY, x_most = -INFINITY, y_least = INFINITY, y_most = -INFINITY;
  for (const ChartSeries& s : chart.series) {
    for (const ChartPoint& p : s.points) {
      x_least = std::min(x_least, p.x);
      x_most = std::max(x_most, p.x);
      y_least = std::min({y_least, p.y, p.high > p.low ? p.low : p.y});
      y_most = std::max({y_most, p.y, p.high > p.low ? p.high : p.y});
    }
  }
  if (!(x_least <= x_most) || !std::isfinite(y_least) || !std::isfinite(y_most)) {
    throw Error("the chart \"" + chart.title + "\" has no points that can be drawn");
  }
  const Axis x = AxisOver(chart.log_x, x_least, x_most, kLeft, kWidth - kRight);
  const Axis y = AxisOver(chart.log_y, y_least, y_most, kHeight - kBottom, kTop);

  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + Number(kWidth, "%g") + " " +
                    Number(kHeight, "%g") + "\" font-family=\"sans-serif\" font-size=\"12\">\n" +
                    "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";
  const auto text = [&](double at_x, double at_y, const char* anchor, const std::string& what, const std::string& more = "") {
    svg += "<text x=\"" + Number(at_x) + "\" y=\"" + Number(at_y) + "\" text-anchor=\"" + anchor + "\" fill=\"#222222\"" +
           more + ">" + Escaped(what) + "</text>\n";
  };
  const auto line = [&](double x1, double y1, double x2, double y2, const std::string& stroke) {
    svg += "<line x1=\"" + Number(x1) + "\" y1=\"" + Number(y1) + "\" x2=\"" + Number(x2) + "\" y2=\"" + Number(y2) +
           "\" stroke=\"" + stroke + "\"/>\n";
  };
  text(kWidth / 2, 20, "middle", chart.title, " font-size=\"15\"");
  text((kLeft + kWidth - kRight) / 2, kHeight - 12, "middle", chart.x_label);
  const std::string middle = Number((kTop + kHeight - kBottom) / 2);
  text(18, (kTop + kHeight - kBottom) / 2, "middle", chart.y_label, " transform=\"rotate(-90 18 " + middle + ")\"");
  for (const double tick : x.Ticks()) {
    line(x.At(tick), kTop, x.At(tick), kHeight - kBottom, "#e4e4e4");
    text(x.At(tick), kHeight - kBottom + 18, "middle", Number(tick, "%g"));
  }
  for (const double tick : y.Ticks()) {
    line(kLeft, y.At(tick), kWidth - kRight, y.At(tick), "#e4e4e4");
    text(kLeft - 8, y.At(tick) + 4, "end", Number(tick, "%g"));
  }
  line(kLeft, kHeight - kBottom, kWidth - kRight, kHeight - kBottom, "#444444");
  line(kLeft, kTop, kLeft, kHeight - kBottom, "#444444");

  size_t index = 0, solid = 0;
  for (const ChartSeries& s : chart.series) {
    // A dashed line belongs to the solid one before it.
    if (!s.dashed) ++solid;
    const std::string colour = kColours[(std::max<size_t>(solid, 1) - 1) % (sizeof(kColours) / sizeof(kColours[0]))];
    svg += "<polyline fill=\"none\" stroke=\"" + colour + "\" stroke-width=\"1.5\"" +
           (s.dashed ? " stroke-dasharray=\"6 4\"" : "") + " points=\"";
    for (const ChartPoint& p : s.points) svg += Number(x.At(p.x)) + "," + Number(y.At(p.y)) + " ";
    svg += "\"/>\n";
    for (const ChartPoint& p : s.points) {
      if (s.dashed) break;
      if (p.high > p.low) line(x.At(p.x), y.At(p.low), x.At(p.x), y.At(p.high), colour);
      svg += "<circle cx=\"" + Number(x.At(p.x)) + "\" cy=\"" + Number(y.At(p.y)) + "\" r=\"3\" fill=\"" + colour + "\"/>\n";
    }
    const double at = kTop + 14 + 16 * static_cast<double>(index);
    svg += "<line x1=\"" + Number(kLeft + 12) + "\" y1=\"" + Number(at - 4) + "\" x2=\"" + Number(kLeft + 36) + "\" y2=\"" +
           Number(at - 4) + "\" stroke=\"" + colour + "\" stroke-width=\"1.5\"" +
           (s.dashed ? " stroke-dasharray=\"6 4\"" : "") + "/>\n";
    text(kLeft + 42, at, "start", s.name);
    ++index;
  }
  return svg + "</svg>\n";
}

Fit FitLine(const std::vector<ChartPoint>& points) {
  if (points.empty()) return {};
  double x = 0, y = 0;
  for (const ChartPoint& p : points) {
    x += p.x;
    y += p.y;
  }
  x /= static_cast<double>(points.size());
  y /= static_cast<double>(points.size());
  double xx = 0, xy = 0;
  for (const ChartPoint& p : points) {
    xx += (p.x - x) * (p.x - x);
    xy += (p.x - x) * (p.y - y);
  }
  if (xx == 0) return {};
  return {xy / xx, y - xy / xx * x};
}

}  // namespace invar::bench
