#pragma once

#include "dakkar/api/chat_request.h"
#include "dakkar/api/field_reader.h"
#include "dakkar/api/served_model.h"

namespace dak {

/// Reads temperature, top_p, top_k, min_p, the penalties, logit_bias and seed; what the body does
/// not say comes from the checkpoint's generation defaults.
void read_sampling(FieldReader& fields, const ServedModel& model, ChatRequest& request);

/// Reads stop, stop_token_ids and ignore_eos.
void read_stop_rules(FieldReader& fields, const ServedModel& model, ChatRequest& request);

}  // namespace dak
