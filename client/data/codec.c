/*
 * codec.c
 *    A registry from event names to the functions that encode and decode them.
 */
#include <stdlib.h>
#include <string.h>

#include "data/data.h"

typedef struct Entry
{
	char		  *name;
	goes_encode_fn encode;
	goes_decode_fn decode;
	void		  *user;
} Entry;

/* Entries are sorted by name. */
struct goes_codec
{
	Entry *entries;
	size_t count;
	size_t room;
};

goes_codec *
goes_codec_new(void)
{
	return calloc(1, sizeof(goes_codec));
}

/*
 * find_place returns the place of a name, or where to insert it.
 */
static size_t
find_place(const goes_codec *codec, const char *name)
{
	size_t first = 0;
	size_t end = codec->count;

	while (first < end)
	{
		size_t middle = first + (end - first) / 2;

		if (strcmp(codec->entries[middle].name, name) < 0)
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

/*
 * find_entry returns the entry of a name, NULL if it has none.
 */
static Entry *
find_entry(const goes_codec *codec, const char *name)
{
	size_t place = find_place(codec, name);

	if (place == codec->count || strcmp(codec->entries[place].name, name) != 0)
		return NULL;
	return &codec->entries[place];
}

/*
 * add_entry makes an entry for a name that has none; NULL when out of memory.
 */
static Entry *
add_entry(goes_codec *codec, const char *name)
{
	size_t place = find_place(codec, name);
	char  *copy = strdup(name);

	if (copy != NULL && codec->count == codec->room)
	{
		size_t room = codec->room ? 2 * codec->room : 16;
		Entry *entries = realloc(codec->entries, room * sizeof(Entry));

		if (entries == NULL)
		{
			free(copy);
			return NULL;
		}
		codec->entries = entries;
		codec->room = room;
	}
	if (copy == NULL)
		return NULL;
	memmove(codec->entries + place + 1, codec->entries + place,
			(codec->count - place) * sizeof(Entry));
	codec->count++;
	codec->entries[place] = (Entry){.name = copy};
	return &codec->entries[place];
}

int
goes_codec_register(goes_codec *codec, const char *event_name, goes_encode_fn encode,
					goes_decode_fn decode, void *user)
{
	Entry *entry;

	if (codec == NULL)
		return GOES_ERR_NOMEM;
	if (event_name == NULL || *event_name == '\0')
		return GOES_ERR_INVALID;
	entry = find_entry(codec, event_name);
	if (entry == NULL)
		entry = add_entry(codec, event_name);
	if (entry == NULL)
		return GOES_ERR_NOMEM;
	entry->encode = encode;
	entry->decode = decode;
	entry->user = user;
	return GOES_OK;
}

/*
 * codec_status turns what an application's function returned into a status.
 */
static int
codec_status(int returned, const char *what, const char *event_name, goes_error **err)
{
	if (returned == 0)
		return GOES_OK;
	if (!is_status(returned))
		return fail(err, GOES_ERR_INVALID, "the function that %s \"%s\" returned %d", what,
					event_name, returned);
	return fail(err, returned, "the function that %s \"%s\" failed: %s", what, event_name,
				goes_status_text(returned));
}

int
goes_codec_encode(const goes_codec *codec, const char *event_name, const void *value, char **json,
				  goes_error **err)
{
	const Entry *entry;
	char		*text = NULL;
	int			 status;

	if (codec == NULL || event_name == NULL || json == NULL)
		return fail(err, GOES_ERR_INVALID, "codec, event name and json must not be NULL");
	entry = find_entry(codec, event_name);
	if (entry == NULL || entry->encode == NULL)
		return fail(err, GOES_ERR_NOT_FOUND, "no function is registered that encodes \"%s\"",
					event_name);
	status = codec_status(entry->encode(value, &text, entry->user), "encodes", event_name, err);
	if (status == GOES_OK && text == NULL)
		status = fail(err, GOES_ERR_INVALID, "the function that encodes \"%s\" gave no text",
					  event_name);
	if (status == GOES_OK)
		*json = text;
	else
		free(text);
	return status;
}

int
goes_codec_decode(const goes_codec *codec, const goes_event *event, void **value, goes_error **err)
{
	const Entry *entry;
	void		*decoded = NULL;
	const char	*json;
	size_t		 length;
	int			 status;

	if (codec == NULL || event == NULL || event->name == NULL || value == NULL)
		return fail(err, GOES_ERR_INVALID, "codec, event, its name and value must not be NULL");
	entry = find_entry(codec, event->name);
	if (entry == NULL || entry->decode == NULL)
		return fail(err, GOES_ERR_NOT_FOUND, "no function is registered that decodes \"%s\"",
					event->name);
	json = event->data != NULL ? event->data : "null";
	length = event->data != NULL ? event->data_len : strlen("null");
	status = codec_status(entry->decode(json, length, &decoded, entry->user), "decodes",
						  event->name, err);
	if (status == GOES_OK)
		*value = decoded;
	return status;
}

void
goes_codec_free(goes_codec *codec)
{
	if (codec == NULL)
		return;
	for (size_t i = 0; i < codec->count; i++)
		free(codec->entries[i].name);
	free(codec->entries);
	free(codec);
}

void
goes_free(void *memory)
{
	free(memory);
}
