/* conf_issues.c — what an import said about the lines of a sysctl.conf, as JSON. Called by the commands of both sides. */
#include "policies/sysctl_conf.h"

const char *conf_severity_text(enum conf_severity s)
{
	return s == CONF_ERROR ? "error" : s == CONF_WARNING ? "warning" : "note";
}

void conf_issues_json(const struct conf *c, struct jsonw *w)
{
	jsonw_array(w, "messages");
	for (size_t i = 0; c && i < c->n_issues; i++) {
		const struct conf_issue *is = &c->issues[i];
		jsonw_object(w, NULL);
		jsonw_int(w, "line", is->line);
		jsonw_string(w, "severity", conf_severity_text(is->severity));
		jsonw_string(w, "code", err_name(is->code));
		jsonw_opt_string(w, "key", is->key);
		jsonw_string(w, "text", is->text);
		jsonw_opt_string(w, "todo", is->todo);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}
