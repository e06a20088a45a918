#include "bench/report/report.h"
void report_print_page(FILE *out, const struct report *report)
{
}
