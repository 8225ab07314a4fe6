/* settings.h — settings in force: made from files, immutable, replaced as a whole. Private to the API. */
#ifndef KEDGE_SERVER_API_SETTINGS_H
#define KEDGE_SERVER_API_SETTINGS_H

#include "server-stub/api/api_in.h"

/* Read what FROM names. settings_free() *RET. */
int settings_load(const struct api_settings *from, struct settings **ret, struct fault *f);
void settings_free(struct settings *s);

#endif
