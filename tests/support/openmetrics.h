/* openmetrics.h — a strict reader of the OpenMetrics text of /metrics, written from the format's description and not
 * from the program that writes it. */
#ifndef KEDGE_TESTS_OPENMETRICS_H
#define KEDGE_TESTS_OPENMETRICS_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct om {
	char family[100], type[20]; /* of the lines being read */
	bool helped;
	unsigned samples;
	char names[200][100]; /* families read */
	unsigned n_names;
	char series[300]; /* histogram: labels without le, of the buckets being read */
	double le, below; /* last bound, last cumulative number */
	bool inf;
};

/* The part of a sample's NAME after the family's, as the family's type allows it. */
static inline bool om_suffix_ok(const char *type, const char *suffix)
{
	if (strcmp(type, "counter") == 0)
		return strcmp(suffix, "_total") == 0;
	if (strcmp(type, "info") == 0)
		return strcmp(suffix, "_info") == 0;
	if (strcmp(type, "gauge") == 0)
		return !*suffix;
	return strcmp(type, "histogram") == 0 &&
	       (strcmp(suffix, "_bucket") == 0 || strcmp(suffix, "_sum") == 0 ||
	               strcmp(suffix, "_count") == 0);
}

/* Bounds rise, numbers do not fall, +Inf ends each series and equals its _count. */
static inline const char *om_histogram(struct om *o, const char *suffix, const char *labels, double value)
{
	const char *le = strstr(labels, "le=\"");

	if (strcmp(suffix, "_bucket") == 0) {
		if (!le)
			return "a bucket without le";
		char series[300];
		snprintf(series, sizeof series, "%.*s", (int)(le - labels), labels);
		bool first = strcmp(series, o->series) != 0;
		double bound = strncmp(le + 4, "+Inf", 4) == 0 ? 1e300 : strtod(le + 4, NULL);
		if (first && o->series[0] && !o->inf)
			return "a series without +Inf";
		if (!first && (bound <= o->le || value < o->below))
			return "bounds or numbers that fall";
		snprintf(o->series, sizeof o->series, "%s", series);
		o->le = bound;
		o->below = value;
		o->inf = bound >= 1e300;
		return NULL;
	}
	if (!o->inf)
		return "_sum or _count before +Inf";
	if (strcmp(suffix, "_count") == 0 && (value < o->below || value > o->below))
		return "_count is not the last bucket";
	return NULL;
}

static inline const char *om_sample(struct om *o, const char *line)
{
	size_t len = strcspn(line, "{ "), family = strlen(o->family);
	char suffix[100], labels[300] = "", *end;
	const char *at = line + len;

	if (!o->helped || len < family || strncmp(line, o->family, family) != 0)
		return "a sample outside its family";
	snprintf(suffix, sizeof suffix, "%.*s", (int)(len - family), line + family);
	if (!om_suffix_ok(o->type, suffix))
		return "a suffix that the type does not have";
	if (*at == '{') {
		const char *close = strstr(at, "\"} ");
		if (!close)
			return "labels without an end";
		snprintf(labels, sizeof labels, "%.*s", (int)(close - at), at + 1);
		at = close + 2;
	}
	if (*at != ' ' || at[1] == ' ')
		return "not one space before the value";
	double value = strtod(at + 1, &end);
	if (end == at + 1 || *end || value < 0)
		return "a value that is no number";
	o->samples++;
	return strcmp(o->type, "histogram") == 0 ? om_histogram(o, suffix, labels, value) : NULL;
}

static inline const char *om_type(struct om *o, const char *line)
{
	char name[100], type[20], more;

	if (sscanf(line, "# TYPE %99s %19s%c", name, type, &more) != 2)
		return "a TYPE line that is none";
	if (o->family[0] && !o->samples && strcmp(o->type, "histogram") != 0)
		return "a family without samples";
	for (unsigned i = 0; i < o->n_names; i++)
		if (strcmp(o->names[i], name) == 0)
			return "a family twice";
	if (o->n_names >= 200 || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name))
		return "a family's name";
	snprintf(o->names[o->n_names++], 100, "%s", name);
	snprintf(o->family, sizeof o->family, "%s", name);
	snprintf(o->type, sizeof o->type, "%s", type);
	o->samples = 0;
	o->helped = o->inf = false;
	o->series[0] = '\0';
	return NULL;
}

/* NULL, or what is wrong with TEXT; LINE (of 400 bytes) then says where. */
static inline const char *openmetrics_check(const char *text, char line[400])
{
	static struct om o;
	const char *wrong = NULL;

	memset(&o, 0, sizeof o);
	for (const char *p = text; *p && !wrong;) {
		size_t len = strcspn(p, "\n");
		if (p[len] != '\n' || len >= 400)
			return "a line that does not end";
		snprintf(line, 400, "%.*s", (int)len, p);
		p += len + 1;
		if (strcmp(line, "# EOF") == 0)
			return *p ? "text after # EOF" : NULL;
		if (strncmp(line, "# TYPE ", 7) == 0) {
			wrong = om_type(&o, line);
		} else if (strncmp(line, "# HELP ", 7) == 0) {
			size_t n = strlen(o.family);
			wrong = strncmp(line + 7, o.family, n) == 0 && line[7 + n] == ' ' && line[8 + n]
			                ? NULL
			                : "a HELP line of another family";
			o.helped = true;
		} else {
			wrong = om_sample(&o, line);
		}
	}
	return wrong ? wrong : "no # EOF";
}

#endif
