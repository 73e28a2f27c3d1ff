/*
 * token.c
 *	  Tokens as text: "7301234567890123456:1:0/16B3748", a system, a timeline of it and an LSN.
 *
 * It is text and no type of ours, because every driver can bind text, and programs hand tokens on
 * in cookies and messages.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "standby/standby.h"

/*
 * token_text writes a token.
 */
text *
token_text(const Token *token)
{
	return cstring_to_text(psprintf(UINT64_FORMAT ":%u:%X/%X", token->system, token->timeline,
									LSN_FORMAT_ARGS(token->lsn)));
}

/*
 * read_number reads digits up to a character, which it passes; false if there are none, if one of
 * them is no digit of that base, or if the number is greater than the most.
 */
static bool
read_number(const char **place, char end, unsigned base, uint64 most, uint64 *number)
{
	static const char digits[] = "0123456789ABCDEF";
	const char		 *start = *place;

	*number = 0;
	for (; **place != '\0' && **place != end; (*place)++)
	{
		const char *digit = strchr(digits, pg_toupper((unsigned char) **place));

		if (digit == NULL || digit - digits >= base ||
			*number > (most - (uint64) (digit - digits)) / base)
			return false;
		*number = *number * base + (uint64) (digit - digits);
	}
	if (*place == start || **place != end)
		return false;
	if (end != '\0')
		(*place)++;
	return true;
}

/*
 * read_token reads a token; false if the text is none.
 */
static bool
read_token(const char *text, Token *token)
{
	uint64 timeline, high, low;

	if (!read_number(&text, ':', 10, PG_UINT64_MAX, &token->system) ||
		!read_number(&text, ':', 10, PG_UINT32_MAX, &timeline) ||
		!read_number(&text, '/', 16, PG_UINT32_MAX, &high) ||
		!read_number(&text, '\0', 16, PG_UINT32_MAX, &low))
		return false;
	token->timeline = (TimeLineID) timeline;
	token->lsn = (high << 32) | low;
	return token->system != 0 && token->timeline != 0 && !XLogRecPtrIsInvalid(token->lsn);
}

/*
 * token_argument returns the token that an argument has.
 */
Token
token_argument(FunctionCallInfo fcinfo, int number)
{
	char *value = text_to_cstring(DatumGetTextPP(required_argument(fcinfo, number, "token")));
	Token token;

	if (!read_token(value, &token))
		ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						errmsg("argument \"token\" is no token: \"%s\"", value),
						errdetail("A token has a system, a timeline and an LSN: "
								  "7301234567890123456:1:0/16B3748."),
						errhint("Give what goes_write_token() has returned, as it is.")));
	return token;
}
