// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "model/model.h"

#include <stdlib.h>

void model_free(struct model *model)
{
	if (!model)
		return;
	free(model->classes.items);
	free(model->gateways.items);
	free(model->listener_sets.items);
	free(model->routes.items);
	free(model->grants.items);
	free(model->services.items);
	free(model->slices.items);
	free(model->namespaces.items);
	free(model->parameters.items);
	free(model->policies.items);
	free(model->skipped.items);
	free(model->sources.items);
	arena_free(&model->arena);
	*model = (struct model){ 0 };
}
