/* The grammar of offsets. A point is read as far as it goes; a range is a point, a colon and a point. A time may hold colons, so it takes as many
 * characters as make a date. Failure modes: a sentence that shows the grammar. */
#include "cli/offsets.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

/* Takes `min` to `max` digits. */
static bool take_digits(const char **at, unsigned min, unsigned max, int64_t *out)
{
	unsigned count = 0;
	int64_t value = 0;
	while (count < max && isdigit((unsigned char)(*at)[count])) {
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, (*at)[count] - '0', &value))
			return false;
		count++;
	}
	if (count < min)
		return false;
	*at += count;
	*out = value;
	return true;
}

static bool take_char(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

/* ---- times ------------------------------------------------------------------------------------------------------- */

struct date {
	int64_t year, month, day, hour, minute, second, millisecond;
	bool has_zone;
	int64_t zone_minutes;
};

/* ":SS" and ".mmm" behind HH:MM. Two digits, or the colon is that of a range. */
static bool take_seconds(const char **at, struct date *date)
{
	const char *ahead = *at;
	if (!take_char(&ahead, ':') || !take_digits(&ahead, 2, 2, &date->second) || isdigit((unsigned char)*ahead)) {
		date->second = 0;
		return true;
	}
	*at = ahead;
	if (!take_char(at, '.'))
		return true;
	const char *begin = *at;
	int64_t fraction;
	if (!take_digits(at, 1, 9, &fraction))
		return false;
	for (long digits = *at - begin; digits < 3; digits++)
		fraction *= 10;
	for (long digits = *at - begin; digits > 3; digits--)
		fraction /= 10;
	date->millisecond = fraction;
	return true;
}

static bool take_zone(const char **at, struct date *date)
{
	bool is_minus = **at == '-';
	date->has_zone = true;
	if (take_char(at, 'Z') || take_char(at, 'z'))
		return true;
	if (!take_char(at, '+') && !take_char(at, '-')) {
		date->has_zone = false;
		return true;
	}
	int64_t hours, minutes = 0;
	if (!take_digits(at, 2, 2, &hours))
		return false;
	take_char(at, ':');
	if (!take_digits(at, 2, 2, &minutes) || hours > 14 || minutes > 59)
		return false;
	date->zone_minutes = (is_minus ? -1 : 1) * (hours * 60 + minutes);
	return true;
}

static bool take_date(const char **at, struct date *date)
{
	if (!take_digits(at, 4, 4, &date->year) || !take_char(at, '-') || !take_digits(at, 2, 2, &date->month) || !take_char(at, '-') ||
	    !take_digits(at, 2, 2, &date->day))
		return false;
	if (!take_char(at, 'T') && !take_char(at, 't') && !take_char(at, ' '))
		return true;
	return take_digits(at, 2, 2, &date->hour) && take_char(at, ':') && take_digits(at, 2, 2, &date->minute) && take_seconds(at, date) &&
	       take_zone(at, date);
}

static bool date_to_ms(const struct date *date, int64_t *out)
{
	struct tm broken = {
		.tm_year = (int)date->year - 1900, .tm_mon = (int)date->month - 1, .tm_mday = (int)date->day,
		.tm_hour = (int)date->hour, .tm_min = (int)date->minute, .tm_sec = (int)date->second, .tm_isdst = -1,
	};
	struct tm before = broken;
	time_t seconds = date->has_zone ? timegm(&broken) : mktime(&broken);
	/* A 31st of February becomes a day of March: refuse what was changed. */
	if (broken.tm_mday != before.tm_mday || broken.tm_mon != before.tm_mon || date->hour > 23 || date->minute > 59 || date->second > 59)
		return false;
	*out = ((int64_t)seconds - date->zone_minutes * 60) * SECOND_MS + date->millisecond;
	return true;
}

static bool take_unit(const char **at, int64_t *unit_ms)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {{"ms", 1}, {"s", SECOND_MS}, {"m", MINUTE_MS}, {"h", HOUR_MS}, {"d", DAY_MS}, {"w", 7 * DAY_MS}};
	for (size_t i = 0; i < COUNT_OF(units); i++) {
		size_t size = strlen(units[i].name);
		if (strncmp(*at, units[i].name, size) == 0) {
			*at += size;
			*unit_ms = units[i].ms;
			return true;
		}
	}
	return false;
}

static bool take_relative(const char **at, int64_t now_ms, int64_t *out)
{
	int64_t count, unit_ms;
	bool is_minus = **at == '-';
	(*at)++;
	if (!take_digits(at, 1, 18, &count) || !take_unit(at, &unit_ms) || __builtin_mul_overflow(count, unit_ms, &count))
		return false;
	return !__builtin_add_overflow(now_ms, is_minus ? -count : count, out);
}

static bool take_time(const char **at, int64_t now_ms, int64_t *out)
{
	if (**at == '-' || **at == '+')
		return take_relative(at, now_ms, out);
	const char *ahead = *at;
	struct date date = {0};
	if (strspn(*at, "0123456789") == 4 && (*at)[4] == '-') {
		if (!take_date(&ahead, &date) || !date_to_ms(&date, out))
			return false;
		*at = ahead;
		return true;
	}
	return take_digits(at, 1, 19, out);
}

/* ---- points and ranges -------------------------------------------------------------------------------------------- */

static bool take_word(const char **at, const char *word)
{
	size_t size = strlen(word);
	if (strncmp(*at, word, size) != 0)
		return false;
	*at += size;
	return true;
}

static bool take_point(const char **at, int64_t now_ms, struct offset_point *out)
{
	*out = (struct offset_point){.kind = OFFSET_START};
	if (take_word(at, "start") || take_word(at, "beginning"))
		return true;
	out->kind = OFFSET_END;
	if (take_word(at, "end"))
		return true;
	out->kind = OFFSET_TIME;
	if (take_char(at, '@'))
		return take_time(at, now_ms, &out->value);
	out->kind = OFFSET_FROM_START;
	if (take_char(at, '+'))
		return take_digits(at, 1, 19, &out->value);
	out->kind = OFFSET_FROM_END;
	if (take_char(at, '-'))
		return take_digits(at, 1, 19, &out->value);
	out->kind = OFFSET_NUMBER;
	return take_digits(at, 1, 19, &out->value);
}

static bool parse_range(struct offset_range *out, const char *at, int64_t now_ms)
{
	*out = (struct offset_range){.from = {.kind = OFFSET_START}};
	if (*at != ':' && !take_point(&at, now_ms, &out->from))
		return false;
	if (!*at)
		return at[-1] != ':';
	if (!take_char(&at, ':'))
		return false;
	out->has_to = true;
	out->to = (struct offset_point){.kind = OFFSET_END};
	return !*at || (take_point(&at, now_ms, &out->to) && !*at);
}

/* Only what is reversed in every partition: how points of two kinds lie to each other, each partition decides. */
static bool is_reversed(const struct offset_range *range)
{
	const struct offset_point *from = &range->from, *to = &range->to;
	if (!range->has_to)
		return false;
	if (to->kind == OFFSET_START)
		return from->kind != OFFSET_START;
	if (from->kind != to->kind)
		return false;
	return from->kind == OFFSET_FROM_END ? from->value < to->value : from->value > to->value;
}

#define POINT_GRAMMAR "start, end, 42, +10 (behind the first), -10 (the last ten), @-1h, @2026-01-31T08:30Z, @1700000000000"

/* Nothing but a number that does not fit. */
static bool is_too_large(const char *text)
{
	int64_t number;
	const char *digits = text + (*text == '-' || *text == '+' || *text == '@'), *at = digits;
	return strspn(digits, "0123456789") == strlen(digits) && *digits && (!take_digits(&at, 1, 19, &number) || *at);
}

static bool refuse_text(const char *text, const char *grammar, char *why, size_t why_size)
{
	if (is_too_large(text)) {
		snprintf(why, why_size, "'%.100s' is too large a number; no offset is larger than %" PRId64, text, INT64_MAX);
		return false;
	}
	snprintf(why, why_size, "'%.100s' is no offset; write %s", text, grammar);
	return false;
}

bool offsets_parse(struct offset_range *out, const char *text, int64_t now_ms, char *why, size_t why_size)
{
	if (!*text || strcmp(text, ":") == 0 || !parse_range(out, text, now_ms))
		return refuse_text(text, POINT_GRAMMAR ", or a range of two: 10:20", why, why_size);
	if (!is_reversed(out))
		return true;
	snprintf(why, why_size, "the range '%.100s' ends before it begins; write the earlier of the two first", text);
	return false;
}

bool offsets_parse_point(struct offset_point *out, const char *text, int64_t now_ms, char *why, size_t why_size)
{
	struct offset_range range;
	if (!*text || strcmp(text, ":") == 0 || !parse_range(&range, text, now_ms))
		return refuse_text(text, POINT_GRAMMAR, why, why_size);
	*out = range.from;
	if (!range.has_to)
		return true;
	snprintf(why, why_size, "'%.100s': it takes one offset, not a range", text);
	return false;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
	return value < low ? low : value > high ? high : value;
}

int64_t offset_point_asked(const struct offset_point *point, int64_t start, int64_t end, int64_t time_offset)
{
	int64_t offset = start;
	switch (point->kind) {
	case OFFSET_START: break;
	case OFFSET_END: offset = end; break;
	case OFFSET_NUMBER: offset = point->value; break;
	case OFFSET_FROM_START: offset = point->value > INT64_MAX - start ? INT64_MAX : start + point->value; break;
	case OFFSET_FROM_END: offset = end - point->value; break;
	case OFFSET_TIME: offset = time_offset < 0 ? end : time_offset; break;
	}
	return offset;
}

int64_t offset_point_resolve(const struct offset_point *point, int64_t start, int64_t end, int64_t time_offset)
{
	return clamp(offset_point_asked(point, start, end, time_offset), start, end);
}
