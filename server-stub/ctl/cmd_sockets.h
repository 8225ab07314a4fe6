/* cmd_sockets.h — the parts of `kedge sockets`. */
#ifndef KEDGE_SERVER_CTL_CMD_SOCKETS_H
#define KEDGE_SERVER_CTL_CMD_SOCKETS_H

#include "server-stub/ctl/ask.h"

/* "10.0.0.1 -> 10.0.0.5:3306" of a path of a sockets document. */
void sockets_path_text(const struct place *path, struct buf *out);
/* `sockets [--top N] [--label K=V]`: the fullest paths of the fleet. Returns the exit code. */
int sockets_fleet(struct ctl *c);
/* `sockets HOST --history [--limit N]`. Returns the exit code. */
int sockets_history(struct ctl *c);

#endif
