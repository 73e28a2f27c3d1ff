/*
 * buffer.c
 *    Bytes that grow. A failed allocation sticks, so that only the end has to check it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#define FIRST_ROOM 256

char *
buffer_grow(Buffer *buffer, size_t more)
{
	size_t room = buffer->room ? buffer->room : FIRST_ROOM;
	char  *data;

	if (buffer->failed || more >= SIZE_MAX / 2 - buffer->length)
	{
		buffer->failed = true;
		return NULL;
	}
	while (room <= buffer->length + more)
		room *= 2;
	data = realloc(buffer->data, room);
	if (data == NULL)
	{
		buffer->failed = true;
		return NULL;
	}
	buffer->data = data;
	buffer->room = room;
	return data + buffer->length;
}

void
buffer_text(Buffer *buffer, const char *text)
{
	buffer_append(buffer, text, strlen(text));
}

void
buffer_format(Buffer *buffer, const char *format, ...)
{
	va_list arguments;
	int		length;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0 || buffer_place(buffer, (size_t) length) == NULL)
	{
		buffer->failed = true;
		return;
	}
	va_start(arguments, format);
	vsnprintf(buffer->data + buffer->length, (size_t) length + 1, format, arguments);
	va_end(arguments);
	buffer->length += (size_t) length;
}

/*
 * buffer_put_int32 overwrites four bytes that are there, for a length that is known later.
 */
void
buffer_put_int32(Buffer *buffer, size_t position, int32_t value)
{
	uint32_t network = htobe32((uint32_t) value);

	if (!buffer->failed)
		memcpy(buffer->data + position, &network, sizeof network);
}

char *
buffer_string(Buffer *buffer)
{
	char *end = buffer_place(buffer, 0);

	if (end == NULL)
		return NULL;
	*end = '\0';
	return buffer->data;
}

void
buffer_free(Buffer *buffer)
{
	free(buffer->data);
	*buffer = (Buffer){0};
}
