// Small charts as SVG: points with their quartiles, lines, axes with ticks; readable on a light and on a dark page.
#pragma once

#include <string>
#include <vector>

namespace invar::bench {

struct ChartPoint {
  double x = 0, y = 0;
  double low = 0, high = 0;  // of the bar through the point; equal: none
};

struct ChartSeries {
  std::string name;
  std::vector<ChartPoint> points;  // by ascending x
  bool dashed = false;             // a bound or a fit: a dashed line without marks
};

struct Chart {
  std::string title, x_label, y_label;
  bool log_x = false, log_y = false;  // then all values are above 0
  std::vector<ChartSeries> series;
};

// Throws Error where there is no point, or one that its axis cannot show.
std::string Svg(const Chart& chart);

// Least squares of y over x, unweighted; all zero with fewer than two different x.
struct Fit {
  double slope = 0, at_zero = 0;
};
Fit FitLine(const std::vector<ChartPoint>& points);

}  // namespace invar::bench
