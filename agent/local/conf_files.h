/* conf_files.h — the sysctl.d files of a host, in the order in which a program reads them.
 *
 * Directories in falling priority: /etc/sysctl.d, /run/sysctl.d, /usr/local/lib/sysctl.d, /usr/lib/sysctl.d, /lib/sysctl.d. A file
 * masks those of the same name in the directories behind; what is left is read by name. procps reads /etc/sysctl.conf after them,
 * systemd-sysctl does not read it (Debian has a link to it in /etc/sysctl.d), and it passes over hidden files.
 */
#ifndef KEDGE_AGENT_LOCAL_CONF_FILES_H
#define KEDGE_AGENT_LOCAL_CONF_FILES_H

#include "policies/precedence.h"
#include "proto/err.h"

struct conf_file {
	char *path; /* as on the host, without the root; owned */
	char *text; /* owned; NULL: cannot be read */
	size_t len;
	size_t masked_by; /* index of the file that masks it; its own: none does */
};

struct conf_files {
	struct conf_file *rows; /* those that are read, in reading order; then the masked ones */
	size_t n, n_read;
};

/* The files that PROGRAM reads below ROOT ("" for the host's own). Files that cannot be read are rows without text. KE_NOMEM.
 * conf_files_clear() *RET in any case. */
int conf_files_list(const char *root, enum precedence_program program, struct conf_files *ret);
void conf_files_clear(struct conf_files *c);

#endif
