/* cmd_records.h — the columns in which drift and refusals are shown, shared with `kedge host`. */
#ifndef KEDGE_SERVER_CTL_CMD_RECORDS_H
#define KEDGE_SERVER_CTL_CMD_RECORDS_H

#include "server-stub/ctl/ask.h"

extern const struct ask_column drift_columns[], refusal_columns[];

#endif
