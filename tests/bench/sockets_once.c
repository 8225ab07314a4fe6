/* sockets_once — one measurement printed as text, over kedge-measure alone: what the benchmark times where the whole
 * kedge-agent is not built. */
#include <stdio.h>
#include <sys/random.h>

#include "agent/measure/sockets_report.h"

int main(void)
{
	static struct sockets_report r;
	struct sockets_options o = { 0 };
	struct fault f;
	char line[1024];
	if (getrandom(o.hash_key, sizeof o.hash_key, 0) != sizeof o.hash_key)
		return 1;
	if (sockets_measure(&o, &r, &f)) {
		fprintf(stderr, "sockets_once: %s\n", fault_line(&f, line, sizeof line));
		return 1;
	}
	struct buf out = BUF_INIT(65536);
	sockets_report_text(&r, NULL, &out);
	fputs(buf_text(&out), stdout);
	buf_free(&out);
	return 0;
}
