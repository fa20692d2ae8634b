// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "compile/setting.h"

#include <errno.h>
#include <inttypes.h>

#include "model/format.h"

/* " 30s", the value behind the name of a setting; "" for a list. */
static void describe(const struct setting_info *info, int64_t value,
		     struct phrase *phrase)
{
	char text[DURATION_TEXT_MAX];

	switch (info->unit) {
	case SETTING_WORD:
		phrase_add(phrase, "", " %s", info->words[value]);
		break;
	case SETTING_DURATION:
		phrase_add(phrase, "", " %s", duration_format(value, text));
		break;
	case SETTING_NUMBER:
		phrase_add(phrase, "", " %" PRId64, value);
		break;
	case SETTING_LIST:
		break;
	}
}

static bool is_refused(const struct setting_info *info,
		       const struct refusal *refusal,
		       const struct setting *setting)
{
	if (setting->value == NOT_GIVEN || setting->value == info->usual)
		return false;
	return refusal->value == ANY_OTHER || refusal->value == setting->value;
}

int settings_judge(struct work *work, const struct setting_table *table,
		   const struct object_meta *meta,
		   const struct setting *settings, const char **ret_refused)
{
	struct phrase all = { 0 };
	size_t i;

	*ret_refused = NULL;
	for (i = 0; i < table->refusal_count; i++) {
		const struct refusal *refusal = &table->refusals[i];
		const struct setting_info *info =
			&table->infos[refusal->setting];
		const struct setting *setting = &settings[refusal->setting];
		struct phrase value = { 0 }, usual = { 0 };

		if (!is_refused(info, refusal, setting))
			continue;
		describe(info, setting->value, &value);
		if (refusal->value == ANY_OTHER && info->usual != NOT_GIVEN &&
		    info->unit != SETTING_LIST) {
			phrase_add(&usual, "", ", only the default");
			describe(info, info->usual, &usual);
		}
		phrase_add(&all, "; ", "%s%s is not supported%s", info->name,
			   value.text, usual.text);
		diag_warning(work->diags, setting->loc,
			     "%s %s/%s is not accepted: %s%s is not supported%s",
			     table->kind, meta->namespace, meta->name,
			     info->name, value.text, usual.text);
	}
	if (!all.used)
		return 0;
	*ret_refused = arena_strdup(&work->image->arena, phrase_end(&all));
	return *ret_refused ? 0 : -ENOMEM;
}
