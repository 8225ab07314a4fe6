/* config.h — cli.conf: which server, who am I, where the signing keys are.
 *
 *   [server]      url = https://kedge.example.net:8443   ca = server-ca.crt
 *   [operator]    cert = anna.crt   key = anna.key   passphrase_file = anna.pass
 *   [repository]  keys = keys   passphrase_file = keys.pass
 *
 * Relative paths are taken from the folder of cli.conf. Options of the command line win.
 */
#ifndef KEDGE_SERVER_CTL_CONFIG_H
#define KEDGE_SERVER_CTL_CONFIG_H

#include "server-stub/ctl/args.h"

/* Strings are owned; NULL: not set. */
struct ctl_config {
	char *path; /* the file that was read; NULL: none */
	char *url, *ca, *cert, *key, *passphrase_file;
	char *keys, *keys_passphrase_file;
};

/* Read the file that --config names, else the first that exists of HOME/.config/kedge/cli.conf (HOME may be NULL) and
 * /etc/kedge/cli.conf, else nothing; then apply the options of A. ctl_config_clear() *RET in any case. */
int ctl_config_read(const struct args *a, const char *home, struct ctl_config *ret, struct fault *f);
void ctl_config_clear(struct ctl_config *c);
/* The first line of the file PATH in *RET (freed by passphrase_free(), which wipes it); NULL for a NULL path. KE_ACCES
 * when others may read it. */
int passphrase_read(const char *path, char **ret, struct fault *f);
void passphrase_free(char *text);

#endif
