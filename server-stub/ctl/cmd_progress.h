/* cmd_progress.h — a line per rollout, for all that list them. */
#ifndef KEDGE_SERVER_CTL_CMD_PROGRESS_H
#define KEDGE_SERVER_CTL_CMD_PROGRESS_H

#include "server-stub/ctl/ask.h"

extern const struct ask_column rollout_columns[];

#endif
