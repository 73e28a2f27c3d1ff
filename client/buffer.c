/*
 * buffer.c
 *    Bytes that grow. A failed allocation sticks, so that only the end has to check it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define FIRST_ROOM 256

/*
 * reserve makes room for so many more bytes, and one for a zero byte.
 */
static bool
reserve(Buffer *buffer, size_t more)
{
	size_t room = buffer->room ? buffer->room : FIRST_ROOM;
	char  *data;

	if (buffer->failed || more >= SIZE_MAX / 2 - buffer->length)
	{
		buffer->failed = true;
		return false;
	}
	if (buffer->length + more < buffer->room)
		return true;
	while (room <= buffer->length + more)
		room *= 2;
	data = realloc(buffer->data, room);
	if (data == NULL)
	{
		buffer->failed = true;
		return false;
	}
	buffer->data = data;
	buffer->room = room;
	return true;
}

void
buffer_reserve(Buffer *buffer, size_t more)
{
	(void) reserve(buffer, more);
}

void
buffer_append(Buffer *buffer, const void *bytes, size_t length)
{
	if (!reserve(buffer, length))
		return;
	if (length > 0)
		memcpy(buffer->data + buffer->length, bytes, length);
	buffer->length += length;
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
	if (length < 0 || !reserve(buffer, (size_t) length))
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
 * append_big_endian writes the lowest bytes of a number, highest first.
 */
static void
append_big_endian(Buffer *buffer, uint64_t value, int bytes)
{
	unsigned char network[8];

	for (int i = 0; i < bytes; i++)
		network[i] = (unsigned char) (value >> (8 * (bytes - 1 - i)));
	buffer_append(buffer, network, (size_t) bytes);
}

void
buffer_int32(Buffer *buffer, int32_t value)
{
	append_big_endian(buffer, (uint32_t) value, 4);
}

void
buffer_int64(Buffer *buffer, int64_t value)
{
	append_big_endian(buffer, (uint64_t) value, 8);
}

/*
 * buffer_put_int32 overwrites four bytes that are there, for a length that is known later.
 */
void
buffer_put_int32(Buffer *buffer, size_t position, int32_t value)
{
	uint32_t number = (uint32_t) value;

	if (buffer->failed)
		return;
	for (int i = 0; i < 4; i++)
		buffer->data[position + (size_t) i] = (char) (unsigned char) (number >> (24 - 8 * i));
}

char *
buffer_string(Buffer *buffer)
{
	if (!reserve(buffer, 0))
		return NULL;
	buffer->data[buffer->length] = '\0';
	return buffer->data;
}

void
buffer_free(Buffer *buffer)
{
	free(buffer->data);
	*buffer = (Buffer){0};
}
