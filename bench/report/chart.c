/* SVG by hand. A chart is 640 x 340 in its own units and as wide as the page lets it be.
 *
 * Happy path: collect the series, span the axes, draw the grid, the lines, and the legend; each point tells its value to
 * who points at it. Points that are no numbers, or not above 0 on a logarithmic axis, break the line. */
#include "bench/report/chart.h"

#include <math.h>

#define WIDTH 640
#define HEIGHT 340
#define LEFT 62
#define RIGHT 18
#define TOP 14
#define BOTTOM 46
#define BAR_HEIGHT 26
#define BAR_NAMES 170
#define TICKS_MAX 32

struct picture {
	FILE *out;
	const struct chart *chart;
	const struct report_series *series[CHART_SERIES_MAX];
	uint32_t colours[CHART_SERIES_MAX], dashes[CHART_SERIES_MAX];
	uint32_t count;
	struct chart_scale x, y;
};

void chart_print_text(FILE *out, const char *text)
{
	for (; *text; text++)
		if (*text == '<')
			fputs("&lt;", out);
		else if (*text == '&')
			fputs("&amp;", out);
		else if (*text == '"')
			fputs("&quot;", out);
		else
			fputc(*text, out);
}

/* Who it is about: the name's first word, up to a comma. */
static bool is_of_same(const char *left, const char *right)
{
	size_t size = strcspn(left, " ,");
	return size == strcspn(right, " ,") && memcmp(left, right, size) == 0;
}

/* All that is about one of them has one colour, and is told apart by its dashes. The broker's own is always the same. */
static void choose_look(struct picture *picture, uint32_t number)
{
	uint32_t others = 0;
	bool is_own = is_of_same(picture->series[number]->name, "spate");
	picture->colours[number] = 1;
	picture->dashes[number] = 0;
	for (uint32_t i = 0; i < number; i++)
		if (is_of_same(picture->series[i]->name, picture->series[number]->name)) {
			picture->colours[number] = picture->colours[i];
			picture->dashes[number] = picture->dashes[i] + 1;
		} else if (!is_of_same(picture->series[i]->name, "spate") && !picture->dashes[i]) {
			others++;
		}
	if (!is_own && !picture->dashes[number])
		picture->colours[number] = others ? others + 1 : 0;
}

static void collect(struct picture *picture, const struct report *report)
{
	for (uint32_t i = 0; i < report->series_count && picture->count < CHART_SERIES_MAX; i++)
		if (strcmp(report->series[i]->chart, picture->chart->name) == 0 && report->series[i]->count)
			picture->series[picture->count++] = report->series[i];
	for (uint32_t i = 0; i < picture->count; i++)
		choose_look(picture, i);
}

static bool is_drawn(const struct picture *picture, const struct report_point *point)
{
	return isfinite(point->x) && isfinite(point->y) && (!picture->chart->is_x_log || point->x > 0) && (!picture->chart->is_y_log || point->y > 0);
}

static void span_axes(struct picture *picture)
{
	double x_low = INFINITY, x_high = -INFINITY, y_low = INFINITY, y_high = -INFINITY;
	for (uint32_t i = 0; i < picture->count; i++)
		for (uint32_t j = 0; j < picture->series[i]->count; j++) {
			const struct report_point *point = &picture->series[i]->points[j];
			if (!is_drawn(picture, point))
				continue;
			x_low = fmin(x_low, point->x);
			x_high = fmax(x_high, point->x);
			y_low = fmin(y_low, point->y);
			y_high = fmax(y_high, point->y);
		}
	picture->x = chart_scale_over(x_low, x_high, picture->chart->is_x_log);
	picture->y = chart_scale_over(y_low, y_high, picture->chart->is_y_log);
}

static double x_of(const struct picture *picture, double value)
{
	return LEFT + chart_scale_place(&picture->x, value) * (WIDTH - LEFT - RIGHT);
}

static double y_of(const struct picture *picture, double value)
{
	return HEIGHT - BOTTOM - chart_scale_place(&picture->y, value) * (HEIGHT - TOP - BOTTOM);
}

/* 1/(1-p) as the percentile it stands for: 90 %, 99.9 %. */
static void format_x(const struct chart *chart, char *out, size_t size, double value)
{
	if (!chart->is_x_percentile)
		return chart_format(out, size, value);
	snprintf(out, size, "%.10g %%", 100 * (1 - 1 / value));
}

/* ---- lines --------------------------------------------------------------------------------------------- */

static void print_grid(const struct picture *picture)
{
	double ticks[TICKS_MAX];
	char text[32];
	uint32_t count = chart_scale_ticks(&picture->y, ticks, TICKS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		double y = y_of(picture, ticks[i]);
		chart_format(text, sizeof text, ticks[i]);
		fprintf(picture->out, "<line class=grid x1=%d y1=%.1f x2=%d y2=%.1f /><text class=tick x=%d y=%.1f text-anchor=end>%s</text>\n", LEFT, y,
			WIDTH - RIGHT, y, LEFT - 8, y + 4, text);
	}
	count = chart_scale_ticks(&picture->x, ticks, TICKS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		double x = x_of(picture, ticks[i]);
		format_x(picture->chart, text, sizeof text, ticks[i]);
		fprintf(picture->out, "<line class=grid x1=%.1f y1=%d x2=%.1f y2=%d /><text class=tick x=%.1f y=%d text-anchor=middle>%s</text>\n", x, TOP, x,
			HEIGHT - BOTTOM, x, HEIGHT - BOTTOM + 18, text);
	}
	fprintf(picture->out, "<text class=label x=%d y=%d text-anchor=middle>%s</text><text class=label x=%d y=%d text-anchor=middle transform=\"rotate(-90 %d %d)\">%s</text>\n",
		(LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, picture->chart->x_label, 14, (TOP + HEIGHT - BOTTOM) / 2, 14, (TOP + HEIGHT - BOTTOM) / 2,
		picture->chart->y_label);
}

static void print_line(const struct picture *picture, uint32_t number)
{
	const struct report_series *series = picture->series[number];
	bool is_pen_down = false;
	fprintf(picture->out, "<path class=\"line s%u d%u\" d=\"", picture->colours[number], picture->dashes[number] % 3);
	for (uint32_t i = 0; i < series->count; i++) {
		const struct report_point *point = &series->points[i];
		bool is_shown = is_drawn(picture, point);
		if (is_shown)
			fprintf(picture->out, "%c%.1f %.1f", is_pen_down ? 'L' : 'M', x_of(picture, point->x), y_of(picture, point->y));
		is_pen_down = is_shown;
	}
	fprintf(picture->out, "\" />\n");
}

static void print_points(const struct picture *picture, uint32_t number)
{
	const struct report_series *series = picture->series[number];
	double radius = series->count > 60 ? 1.5 : 3.5;
	for (uint32_t i = 0; i < series->count; i++) {
		const struct report_point *point = &series->points[i];
		char x[32], y[32];
		if (!is_drawn(picture, point))
			continue;
		format_x(picture->chart, x, sizeof x, point->x);
		chart_format(y, sizeof y, point->y);
		fprintf(picture->out, "<circle class=\"dot s%u\" cx=%.1f cy=%.1f r=%.1f><title>", picture->colours[number], x_of(picture, point->x), y_of(picture, point->y), radius);
		chart_print_text(picture->out, series->name);
		fprintf(picture->out, ": %s, %s %s</title></circle>\n", x, y, picture->chart->y_label);
	}
}

static void print_legend(const struct picture *picture)
{
	fprintf(picture->out, "<p class=legend>");
	for (uint32_t i = 0; picture->count > 1 && i < picture->count; i++) {
		fprintf(picture->out, "<span><i class=\"key s%u d%u\"></i>", picture->colours[i], picture->dashes[i] % 3);
		chart_print_text(picture->out, picture->series[i]->name);
		fprintf(picture->out, "</span> ");
	}
	fprintf(picture->out, "</p>\n");
}

static void print_lines(struct picture *picture)
{
	span_axes(picture);
	print_legend(picture);
	fprintf(picture->out, "<svg viewBox=\"0 0 %d %d\" role=img aria-label=\"%s\">\n", WIDTH, HEIGHT, picture->chart->title);
	print_grid(picture);
	for (uint32_t i = 0; i < picture->count; i++)
		print_line(picture, i);
	for (uint32_t i = 0; i < picture->count; i++)
		print_points(picture, i);
	fprintf(picture->out, "</svg>\n");
}

/* ---- bars ---------------------------------------------------------------------------------------------- */

/* Bars lie, so that names have room; the broker's own stands out, for it is the one that is asked about. */
static void print_bars(struct picture *picture)
{
	double high = 0;
	int height = (int)picture->count * (BAR_HEIGHT + 10) + 8;
	for (uint32_t i = 0; i < picture->count; i++)
		high = fmax(high, picture->series[i]->points[0].y);
	struct chart_scale scale = { 0, high > 0 ? high : 1, false };
	fprintf(picture->out, "<svg viewBox=\"0 0 %d %d\" role=img aria-label=\"%s\">\n", WIDTH, height, picture->chart->title);
	for (uint32_t i = 0; i < picture->count; i++) {
		double value = picture->series[i]->points[0].y, width = chart_scale_place(&scale, value) * (WIDTH - BAR_NAMES - 130);
		int y = 4 + (int)i * (BAR_HEIGHT + 10);
		char text[32];
		chart_format(text, sizeof text, value);
		fprintf(picture->out, "<text class=name x=%d y=%d text-anchor=end>", BAR_NAMES - 10, y + BAR_HEIGHT - 8);
		chart_print_text(picture->out, picture->series[i]->name);
		fprintf(picture->out, "</text><rect class=\"bar %s\" x=%d y=%d width=%.1f height=%d rx=3 /><text class=value x=%.1f y=%d>%s %s</text>\n",
			strncmp(picture->series[i]->name, "spate", 5) == 0 ? "own" : "other", BAR_NAMES, y, fmax(width, 1), BAR_HEIGHT,
			BAR_NAMES + width + 8, y + BAR_HEIGHT - 8, text, picture->chart->y_label);
	}
	fprintf(picture->out, "</svg>\n");
}

bool chart_print(FILE *out, const struct chart *chart, const struct report *report)
{
	struct picture picture = { .out = out, .chart = chart };
	collect(&picture, report);
	if (!picture.count)
		return false;
	fprintf(out, "<figure>\n<figcaption><b>%s</b><span>%s</span></figcaption>\n", chart->title, chart->about);
	if (chart->is_bars)
		print_bars(&picture);
	else
		print_lines(&picture);
	fprintf(out, "</figure>\n");
	return true;
}
