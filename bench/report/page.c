/* The page: the judged table, the charts, and the runs behind them. All of it is in one file, and it asks for nothing. */
#include "bench/report/chart.h"

static const struct chart charts[] = {
	{ "throughput", "Produce, beside its limits", "durable, all but l1, which keeps in memory; 16 connections, 4 in flight, 128 KiB batches, 16 partitions", "", "MB/s", true, false, false, false },
	{ "throughput-fetch", "Tail fetch", "from memory; 16 connections, 1 MiB a fetch", "", "MB/s", true, false, false, false },
	{ "throughput-cold", "Cold fetch", "1 GiB from the disk, after a restart", "", "MB/s", true, false, false, false },
	{ "cpu", "Broker CPU per GB produced", "of the same runs; less is better", "", "s/GB", true, false, false, false },
	{ "peers", "Beside others", "durable where it says so, the same machine in the same minutes", "", "MB/s", true, false, false, false },
	{ "percentiles-commit", "One durable 4 KiB produce outstanding", "how long an acknowledgement takes, up to a percentile", "percentile", "ms", false, true, true, true },
	{ "percentiles-end-to-end", "Produce to parked consumer", "4 KiB, 1000 a second, from the intended send to the consumer", "percentile", "ms", false, true, true, true },
	{ "percentiles-load", "At half of the maximum", "open loop, 64 connections, 16 KiB, durable", "percentile", "ms", false, true, true, true },
	{ "percentiles-produce", "At full throughput", "closed loop, 64 batches of 128 KiB in flight", "percentile", "ms", false, true, true, true },
	{ "load", "Latency against load", "open loop from the intended send, 10 to 90 % of the broker's own maximum", "MB/s answered", "ms", false, false, true, false },
	{ "seconds", "p99 over time", "and the longest wait; at half of the maximum, each second; rounds behind one another", "seconds", "ms", false, false, true, false },
	{ "stalls", "Latency over a long time", "each second of a run at 70 % of the maximum", "seconds", "ms", false, false, true, false },
	{ "partitions", "Partitions", "durable 4 KiB batches, spread evenly", "partitions", "MB/s", false, true, false, false },
	{ "connections", "Connections", "one durable 4 KiB produce outstanding on each", "connections", "thousand requests/s", false, true, false, false },
	{ "segments", "Segments of a partition", "the same records in more and more segments", "segments", "ms or us", false, true, true, false },
	{ "retained", "Records kept", "in segments of 1 GiB", "MiB", "ms or us", false, true, true, false },
	{ "records", "Record size", "durable, 128 KiB batches", "bytes of a record", "MB/s", false, true, false, false },
};

static const char about_limits[] =
	"Limits are the smallest programs that do only the unavoidable work, in turns with the broker, on the same cores with the same bytes. l1 keeps batches in memory; l2 writes and flushes "
	"them before it acknowledges, to blocks used again and again (l2_growing: to blocks never written before); l3 does it one at a time; l4 sends from memory, l5 from the disk; l6 passes on "
	"to who waits; l8 starts and answers; l9 scans the journal. Durable: on stable storage before it is acknowledged.";

static const char style[] =
	":root{color-scheme:light dark;--back:#fbfbf9;--card:#fff;--text:#1d2327;--dim:#68727a;--line:#e3e5e6;--good:#14783c;--bad:#b3381c;"
	"--c0:#7a858e;--c1:#0b6bcb;--c2:#d9722a;--c3:#1f8a57;--c4:#8a4bbd;--c5:#b98a00;--c6:#c0326e;--c7:#0f8f95}\n"
	"@media(prefers-color-scheme:dark){:root{--back:#14181b;--card:#1c2125;--text:#e6e9eb;--dim:#98a3ab;--line:#31383d;--good:#56c581;--bad:#f0866b;"
	"--c0:#9aa5ae;--c1:#57a6f5;--c2:#f29b5c;--c3:#55c58c;--c4:#bd8bea;--c5:#dfb93b;--c6:#f07fae;--c7:#4cc9cf}}\n"
	"*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--text);font:15px/1.5 system-ui,sans-serif}"
	"main{max-width:1400px;margin:0 auto;padding:28px 24px 60px}h1{font-size:26px;margin:0 0 2px;letter-spacing:-.01em}h2{font-size:18px;margin:38px 0 12px}"
	".sub{color:var(--dim);margin:0 0 22px}.sum{font-size:17px;margin:0 0 18px}\n"
	".wide{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:10px}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
	"th{font-weight:500;color:var(--dim);font-size:13px;text-align:right}td{text-align:right;white-space:nowrap}th,td{padding:7px 12px;border-bottom:1px solid var(--line)}"
	"tr:last-child td{border-bottom:0}.left{text-align:left}td.about{white-space:normal;min-width:260px}.dim{color:var(--dim);font-size:13px}"
	".met,.short{font-weight:600}.met{color:var(--good)}.short{color:var(--bad)}\n"
	".charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,560px),1fr));gap:18px;align-items:start}"
	"figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px 18px 12px}figcaption b{display:block;font-size:16px}"
	"figcaption span{color:var(--dim);font-size:13px}svg{display:block;width:100%;height:auto;margin-top:8px;overflow:visible}"
	".legend{margin:8px 0 0;font-size:13px;min-height:1em}.legend span{margin-right:14px;white-space:nowrap}.key{display:inline-block;width:14px;height:3px;border-radius:2px;"
	"margin-right:6px;vertical-align:middle;background:currentColor}"
	".key.d1{background:repeating-linear-gradient(90deg,currentColor 0 5px,transparent 5px 8px)}.key.d2{background:repeating-linear-gradient(90deg,currentColor 0 2px,transparent 2px 4px)}"
	".line.d1{stroke-dasharray:7 4}.line.d2{stroke-dasharray:2 3}\n"
	"text{font:12px system-ui,sans-serif;fill:var(--text)}.tick,.label{fill:var(--dim);font-size:12px}.grid{stroke:var(--line);stroke-width:1}"
	".line{fill:none;stroke:currentColor;stroke-width:2.2;stroke-linejoin:round}.dot{fill:currentColor;stroke:var(--card);stroke-width:1}"
	".bar.own{fill:var(--c1)}.bar.other{fill:var(--c0);opacity:.55}.name,.value{font-size:13px}"
	".s0{color:var(--c0)}.s1{color:var(--c1)}.s2{color:var(--c2)}.s3{color:var(--c3)}.s4{color:var(--c4)}.s5{color:var(--c5)}.s6{color:var(--c6)}.s7{color:var(--c7)}\n";

static void print_cell(FILE *out, double value, const char *unit)
{
	char text[32];
	if (!(value >= 0)) {
		fprintf(out, "<td class=dim>not read</td>");
		return;
	}
	chart_format(text, sizeof text, value);
	fprintf(out, "<td>%s <span class=dim>%s</span></td>", text, unit);
}

static void print_row(FILE *out, const struct report_row *row)
{
	fprintf(out, "<tr><td class=left><b>%s</b></td><td class=\"left about\">", row->id);
	chart_print_text(out, row->about);
	if (row->has_limit) {
		fprintf(out, "</td><td class=left>");
		chart_print_text(out, row->limit_name);
		fprintf(out, "</td>");
		print_cell(out, row->limit, row->unit);
	} else {
		fprintf(out, "</td><td></td><td></td>");
	}
	print_cell(out, row->value, row->unit);
	if (row->has_limit && row->rounds)
		fprintf(out, "<td>%.2f <span class=dim>%.2f&ndash;%.2f</span></td>", row->ratio, row->ratio_low, row->ratio_high);
	else
		fprintf(out, "<td></td>");
	if (row->sense == GOAL_NONE)
		fprintf(out, "<td></td><td></td></tr>\n");
	else
		fprintf(out, "<td>%s %g</td><td class=%s>%s</td></tr>\n", row->sense == GOAL_AT_LEAST ? "&ge;" : "&le;", row->goal,
			!report_row_was_read(row) ? "dim" : report_row_is_met(row) ? "met" : "short",
			!report_row_was_read(row) ? "" : report_row_is_met(row) ? "met" : "short");
}

static void print_goals(FILE *out, const struct report *report)
{
	uint32_t judged = 0, met = 0;
	for (uint32_t i = 0; i < report->rows_count; i++) {
		judged += report->rows[i].sense != GOAL_NONE;
		met += report_row_is_met(&report->rows[i]);
	}
	fprintf(out, "<p class=sum>%u of %u goals met.</p>\n<div class=wide><table>\n<tr><th class=left></th><th class=left>what</th><th class=left>limit</th><th>limit</th>"
		     "<th>Spate</th><th>ratio (of rounds)</th><th>goal</th><th></th></tr>\n", met, judged);
	for (uint32_t i = 0; i < report->rows_count; i++)
		print_row(out, &report->rows[i]);
	fprintf(out, "</table></div>\n");
}

static void print_latencies(FILE *out, const double *us)
{
	/* p50, p75, p95, p99, p99.9, p99.99, max, of which the table leaves out the second and the third. */
	static const int shown[] = { 0, 3, 4, 5, 6 };
	for (size_t i = 0; i < COUNT_OF(shown); i++)
		print_cell(out, us[shown[i]], "");
}

static void print_runs(FILE *out, const struct report *report)
{
	fprintf(out, "<h2>Runs</h2>\n<div class=wide><table>\n<tr><th class=left>experiment</th><th class=left>who</th><th>MB/s</th><th>requests/s</th><th>p50 &micro;s</th>"
		     "<th>p99</th><th>p99.9</th><th>p99.99</th><th>max</th><th>CPU s/GB</th><th>RSS MiB</th></tr>\n");
	for (uint32_t i = 0; i < report->runs_count; i++) {
		const struct report_run *line = &report->runs[i];
		fprintf(out, "<tr><td class=left>%s</td><td class=left>", line->experiment);
		chart_print_text(out, line->contestant);
		fprintf(out, "</td>");
		print_cell(out, line->run.mb_per_s + line->run.read_mb_per_s, "");
		print_cell(out, line->run.requests_per_s, "");
		print_latencies(out, line->run.e2e_p50_us > 0 ? &line->run.e2e_p50_us : &line->run.p50_us);
		print_cell(out, line->run.cpu_s_per_gb, "");
		print_cell(out, line->run.rss_mib, "");
		fprintf(out, "</tr>\n");
	}
	fprintf(out, "</table></div>\n<p class=dim>Medians of rounds. Where there are consumers, latency is from the producer's intended send to the consumer.</p>\n");
}

void report_print_page(FILE *out, const struct report *report)
{
	fprintf(out, "<!doctype html>\n<html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width,initial-scale=1\"><title>Spate bench</title>\n"
		     "<style>%s</style></head><body><main>\n<h1>Spate beside its limits</h1>\n<p class=sub>", style);
	chart_print_text(out, report->version);
	fprintf(out, "%s", *report->version ? " &middot; " : "");
	chart_print_text(out, report->machine);
	fprintf(out, " &middot; %s</p>\n", report->when);
	if (report->rows_count)
		print_goals(out, report);
	fprintf(out, "<p class=dim>%s</p>\n", about_limits);
	fprintf(out, "<h2>Charts</h2>\n<div class=charts>\n");
	for (size_t i = 0; i < COUNT_OF(charts); i++)
		chart_print(out, &charts[i], report);
	fprintf(out, "</div>\n");
	if (report->runs_count)
		print_runs(out, report);
	fprintf(out, "</main></body></html>\n");
}
