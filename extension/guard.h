/*
 * guard.h
 *	  What the triggers of the guards are, for the rooms that switch and check them.
 */
#ifndef GOES_GUARD_H
#define GOES_GUARD_H

#include "goes_store.h"

#pragma GCC visibility push(hidden)

/* What CREATE TRIGGER says about a guard. Trigger and function have the same name. */
typedef struct Guard
{
	const char *name;
	const char *argument; /* of goes_alter_store, that sets it */
	int16		type;
	const char *events;
	bool		has_mode; /* is the mode the trigger's argument? */
} Guard;

extern const Guard versions_guard;
extern const Guard append_only_guard;

extern int			guard_rule(const char *name);
extern Oid			guard_function(FunctionCallInfo fcinfo, const Guard *guard);
extern TriggerDesc *copy_triggers(Relation table);
extern bool			is_sound_trigger(const Trigger *trigger, const Guard *guard);
extern bool			is_enabled_trigger(const Trigger *trigger);

#pragma GCC visibility pop

#endif
