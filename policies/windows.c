/* windows.c — reads, writes and judges maintenance windows. Pure; a week begins on Monday, all is UTC, so that no host needs to know
 * a time zone. Refuses hours that no clock shows and days that no week has. Called by rollout.c, by the operators' command and
 * by the server that executes. */
#include "policies/windows.h"

#include <string.h>

#define DAY          86400
#define MINUTES      1440
#define MONDAY_FIRST 3 /* 1970-01-01 was a Thursday */

static const char *const names[7] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

/* ---- time ---- */

static int64_t day_of(int64_t now)
{
	return now >= 0 ? now / DAY : -((DAY - 1 - now) / DAY);
}

/* Does W begin on DAY? */
static bool begins_on(const struct window *w, int64_t day)
{
	return w->days & 1u << ((day % 7 + 7 + MONDAY_FIRST) % 7);
}

static int64_t length(const struct window *w)
{
	return 60 * (w->to > w->from ? w->to - w->from : w->to - w->from + MINUTES);
}

static bool window_open(const struct window *w, int64_t now)
{
	for (int64_t day = day_of(now) - 1; day <= day_of(now); day++) {
		int64_t begin = day * DAY + 60 * w->from;
		if (begins_on(w, day) && begin <= now && now < begin + length(w))
			return true;
	}
	return false;
}

bool windows_open(const struct windows *w, int64_t now)
{
	for (size_t i = 0; i < w->n; i++)
		if (window_open(&w->rows[i], now))
			return true;
	return !w->n;
}

int64_t windows_next(const struct windows *w, int64_t now)
{
	int64_t next = INT64_MAX;

	if (windows_open(w, now))
		return now;
	for (size_t i = 0; i < w->n; i++)
		for (int64_t day = day_of(now); day <= day_of(now) + 7; day++) {
			int64_t begin = day * DAY + 60 * w->rows[i].from;
			if (begins_on(&w->rows[i], day) && begin > now && begin < next)
				next = begin;
		}
	return next;
}

/* ---- words ---- */

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "22:00"; false: no hour of a day. */
static bool hour_read(const char *text, int *ret)
{
	if (strnlen(text, 6) < 5 || !digit(text[0]) || !digit(text[1]) || text[2] != ':' || !digit(text[3]) ||
	        !digit(text[4]))
		return false;
	int h = 10 * (text[0] - '0') + text[1] - '0', m = 10 * (text[3] - '0') + text[4] - '0';
	*ret = 60 * h + m;
	return h < 24 && m < 60;
}

static int day_read(const char *text, size_t len)
{
	for (int i = 0; i < 7; i++)
		if (len == 3 && memcmp(text, names[i], 3) == 0)
			return i;
	return -1;
}

/* "mon-fri" or "sat,sun", LEN bytes; 0: none. */
static unsigned days_read(const char *text, size_t len)
{
	unsigned days = 0;
	int first, last;

	if (len == 7 && text[3] == '-') {
		if ((first = day_read(text, 3)) < 0 || (last = day_read(text + 4, 3)) < 0)
			return 0;
		for (int i = first; i != last; i = (i + 1) % 7)
			days |= 1u << i;
		return days | 1u << last;
	}
	for (size_t at = 0; at < len; at += 4) {
		int day = len - at >= 3 ? day_read(text + at, 3) : -1;
		if (day < 0 || (at + 3 < len && text[at + 3] != ',') || at + 4 == len)
			return 0;
		days |= 1u << day;
	}
	return days;
}

int windows_add(struct windows *w, const char *text, struct fault *f)
{
	const char *blank = strchr(text, ' '), *hours = blank ? blank + 1 : text;
	struct window row = { .days = blank ? days_read(text, (size_t)(blank - text)) : WINDOWS_DAYS };

	if (!row.days || strlen(hours) != 11 || hours[5] != '-' || !hour_read(hours, &row.from) ||
	        !hour_read(hours + 6, &row.to))
		return fault_set(f, KE_USAGE, NULL,
		        "write [DAYS ]HH:MM-HH:MM in UTC, DAYS as mon-fri or sat,sun", "'%.60s' is no window",
		        text);
	if (w->n == WINDOWS_MAX)
		return fault_set(f, KE_RANGE, NULL, NULL, "more than %d windows", WINDOWS_MAX);
	w->rows[w->n++] = row;
	return KE_OK;
}

static void days_text(unsigned days, struct buf *out)
{
	const char *comma = "";

	if (days == WINDOWS_DAYS)
		return;
	if (days == 0x1f) {
		buf_str(out, "mon-fri ");
		return;
	}
	for (int i = 0; i < 7; i++)
		if (days & 1u << i) {
			buf_fmt(out, "%s%s", comma, names[i]);
			comma = ",";
		}
	buf_char(out, ' ');
}

void windows_text(const struct windows *w, struct buf *out)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct window *row = &w->rows[i];
		buf_str(out, i ? ", " : "");
		days_text(row->days, out);
		buf_fmt(out, "%02d:%02d-%02d:%02d", row->from / 60, row->from % 60, row->to / 60,
		        row->to % 60);
	}
}

/* ---- documents ---- */

static int hour_member(const struct place *at, const char *name, int *ret, struct fault *f)
{
	const char *text;
	int rc = read_string(at, name, 5, 5, &text, f);

	if (!rc && !hour_read(text, ret))
		rc = place_fault(at, f, KE_VALUE, NULL, "'%s' is no hour of a day in '%s'", text, name);
	return rc;
}

static int days_member(const struct place *at, unsigned *ret, struct fault *f)
{
	struct place list, item = { 0 };
	unsigned days = 0;
	int rc = read_array(at, "days", &list, f);

	while (!rc && place_next(&list, &item)) {
		const char *text;
		if ((rc = place_string(&item, 3, 3, &text, f)))
			return rc;
		int day = day_read(text, strlen(text));
		if (day < 0 || days & 1u << day)
			return place_fault(
			        &item, f, KE_VALUE, NULL, "'%s' is no day of the week, or twice", text);
		days |= 1u << day;
	}
	if (!rc && !days)
		return place_fault(&list, f, KE_RANGE, NULL, "names no day");
	*ret = days;
	return rc;
}

int windows_parse(const struct place *at, struct windows *ret, struct fault *f)
{
	static const char *const known[] = { "days", "from", "to", NULL };
	struct windows w = { .n = 0 };
	struct place item = { 0 };
	int rc = KE_OK;

	if (!place_count(at) || place_count(at) > WINDOWS_MAX)
		return place_fault(at, f, KE_RANGE, NULL, "1 to %d windows are allowed", WINDOWS_MAX);
	while (!rc && place_next(at, &item)) {
		struct window *row = &w.rows[w.n++];
		row->days = WINDOWS_DAYS;
		if ((rc = read_members(&item, known, f)) ||
		        (rc = hour_member(&item, "from", &row->from, f)) ||
		        (rc = hour_member(&item, "to", &row->to, f)))
			return rc;
		if (read_has(&item, "days"))
			rc = days_member(&item, &row->days, f);
	}
	if (!rc)
		*ret = w;
	return rc;
}

static void hour_print(struct jsonw *out, const char *name, int minutes)
{
	struct buf text = BUF_INIT(16);

	buf_fmt(&text, "%02d:%02d", minutes / 60, minutes % 60);
	jsonw_string(out, name, buf_text(&text));
	buf_free(&text);
}

void windows_print(const struct windows *w, struct jsonw *out)
{
	if (!w->n)
		return;
	jsonw_array(out, "windows");
	for (size_t i = 0; i < w->n; i++) {
		jsonw_object(out, NULL);
		if (w->rows[i].days != WINDOWS_DAYS) {
			jsonw_array(out, "days");
			for (int k = 0; k < 7; k++)
				if (w->rows[i].days & 1u << k)
					jsonw_string(out, NULL, names[k]);
			jsonw_array_end(out);
		}
		hour_print(out, "from", w->rows[i].from);
		hour_print(out, "to", w->rows[i].to);
		jsonw_object_end(out);
	}
	jsonw_array_end(out);
}
