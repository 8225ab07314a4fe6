/* lint_rules.h — what a lint rule is, and what it may ask. For the lint_*.c files only.
 *
 * A rule is a row; its check looks at a view (the settings as written, the target) and calls view_find() for each
 * finding. Names are path forms. A setting given twice is judged by its last line.
 */
#ifndef KEDGE_POLICIES_LINT_RULES_H
#define KEDGE_POLICIES_LINT_RULES_H

#include "policies/lint.h"

#define V4   "net/ipv4/"
#define CORE "net/core/"
#define CT   "net/netfilter/nf_conntrack_"

#define MIB  ((int64_t)1 << 20)

#define SOURCES(...)                                                                                         \
	(const char *const[])                                                                                \
	{                                                                                                    \
		__VA_ARGS__, NULL                                                                            \
	}
#define IP_SYSCTL "Documentation/networking/ip-sysctl.rst"

struct lint_view;
struct lint_rule;

enum lint_op { OP_EQ, OP_LT, OP_GT };

struct lint_rule {
	char id[8];
	enum lint_severity severity;
	void (*check)(struct lint_view *v);
	/* For check_number: the number set for KEY is OP ARG. */
	const char *key;
	enum lint_op op;
	int64_t arg;
	const char *message;
	const char *fix;
	const char *const *sources;
};

/* What is known about a line before any rule runs. */
struct lint_line {
	const struct knob *knob; /* NULL: not in the knowledge base */
	const struct knob *near; /* what the key is a misspelling of, or NULL */
	bool wins;               /* the last line for its key */
};

struct lint_view {
	const struct conf *conf;
	const struct lint_line *lines; /* one for each of conf->lines */
	const struct lint_target *target;
	bool ordered; /* the order of the lines will be put right */
	const struct lint_rule *rule;
	struct lint_report *report;
	int rc;
};

/* Check of the rules whose condition is one comparison. */
void check_number(struct lint_view *v);

/* Report a finding of the present rule about LINE (NULL: about the whole text). */
void view_find(struct lint_view *v, const struct conf_line *line, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* The line that sets PATH, or NULL. */
const struct conf_line *view_line(const struct lint_view *v, const char *path);
/* What is known about the line L of v->conf. */
const struct lint_line *view_about(const struct lint_view *v, const struct conf_line *l);
/* The number set for PATH. */
bool view_number(const struct lint_view *v, const char *path, int64_t *ret);
/* The numbers set for PATH; how many (0: none, or not numbers). */
unsigned view_numbers(const struct lint_view *v, const char *path, int64_t ret[VALUE_MAX_ELEMENTS]);
/* The live value as text, or NULL. */
const char *view_current(const struct lint_view *v, const char *path);
/* What will be in force: the value set, or else the live one. */
const char *view_text(const struct lint_view *v, const char *path);
bool view_effective(const struct lint_view *v, const char *path, int64_t *ret);
unsigned view_effective_numbers(const struct lint_view *v, const char *path, int64_t ret[VALUE_MAX_ELEMENTS]);
/* view_number(), also through a key that does not exist and is nearest to PATH. */
bool view_intent(
        const struct lint_view *v, const char *path, int64_t *ret, const struct conf_line **ret_line);
/* "7 8 9" -> numbers; 0 when TEXT has anything else. */
unsigned numbers_parse(const char *text, int64_t ret[VALUE_MAX_ELEMENTS]);
/* Are the N numbers in rising order (equal allowed)? */
bool numbers_rise(const int64_t *v, unsigned n);
/* Half the established-hash size that the kernel makes for this memory: the default of tcp_max_tw_buckets and
 * tcp_max_orphans; 0 when the memory is not known. */
int64_t default_tw_buckets(const struct lint_target *t);

/* Mark what P suppresses, and find what suppresses nothing. */
void lint_suppress(struct lint_view *v, const struct policy *p);

/* The tables, one a theme. */
extern const struct lint_rule lint_key_rules[], lint_format_rules[], lint_tw_rules[], lint_port_rules[],
        lint_queue_rules[], lint_timeout_rules[], lint_mem_rules[], lint_buf_rules[], lint_tcp_rules[],
        lint_host_rules[];
/* All tables, NULL-terminated; each ends with a row whose id is "". */
extern const struct lint_rule *const lint_tables[];

#endif
