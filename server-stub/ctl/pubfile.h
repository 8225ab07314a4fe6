/* pubfile.h — public keys as files that people give to each other: NAME.pub, a TUF key object as JSON. */
#ifndef KEDGE_SERVER_CTL_PUBFILE_H
#define KEDGE_SERVER_CTL_PUBFILE_H

#include "proto/signkey.h"

struct cJSON;

/* Read the key object in PATH, or a PEM public key; cJSON_Delete() it. KE_KEY: no key that clients can use. */
int pubfile_read(const char *path, struct cJSON **ret, struct fault *f);
/* Write the public part of KEY. KE_EXIST: there is another file of this name. */
int pubfile_write(const char *path, const struct signkey *key, struct fault *f);

#endif
