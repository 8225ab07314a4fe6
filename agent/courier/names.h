/* names.h — what name service needs, loaded while that is still possible. */
#ifndef KEDGE_AGENT_COURIER_NAMES_H
#define KEDGE_AGENT_COURIER_NAMES_H

/* Load the modules that CONF ("/etc/nsswitch.conf") names for hosts; those that are not installed are left out, as libc does. To be
 * called before the door is locked: afterwards no code can be loaded. How many were loaded. */
unsigned names_prepare(const char *conf);

#endif
