#include "runtime/engine/receipt.h"

#include <algorithm>

#include "runtime/base/error.h"
#include "runtime/base/sha256.h"

namespace invar {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kReceiptFormat = "invar receipt";
constexpr const char* kReasons[] = {"end", "length", "stop", "error"};  // as FinishReason

Json SamplingJson(const SamplingParameters& p) {
  Json bias = Json::array();
  for (const auto& [id, value] : p.logit_bias) bias.push_back(Json::array({id, NumberJson(value)}));
  return {{"temperature", NumberJson(p.temperature)},
          {"top_k", p.top_k},
          {"top_p", NumberJson(p.top_p)},
          {"min_p", NumberJson(p.min_p)},
          {"repetition_penalty", NumberJson(p.repetition_penalty)},
          {"frequency_penalty", NumberJson(p.frequency_penalty)},
          {"presence_penalty", NumberJson(p.presence_penalty)},
          {"logit_bias", bias},
          {"seed", p.seed}};
}

double NeedNumber(const JsonFields& fields, const char* name) {
  const nlohmann::json* value = fields.Find(name);
  if (value == nullptr) fields.Reject(name, "a number");
  return NumberOf(*value, fields.where() + ": " + name);
}

SamplingParameters ReadSampling(const JsonFields& fields) {
  SamplingParameters p;
  p.temperature = NeedNumber(fields, "temperature");
  p.top_k = NeedUnsigned(fields, "top_k", 0, UINT64_MAX);
  p.top_p = NeedNumber(fields, "top_p");
  p.min_p = NeedNumber(fields, "min_p");
  p.repetition_penalty = NeedNumber(fields, "repetition_penalty");
  p.frequency_penalty = NeedNumber(fields, "frequency_penalty");
  p.presence_penalty = NeedNumber(fields, "presence_penalty");
  p.seed = NeedUnsigned(fields, "seed", 0, UINT64_MAX);
  const nlohmann::json& bias = NeedList(fields, "logit_bias");
  for (size_t i = 0; i < bias.size(); ++i) {
    const std::string where = ElementName(fields, "logit_bias", i);
    const nlohmann::json& pair = bias[i];
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number_unsigned() || pair[0].get<uint64_t>() > INT32_MAX) {
      throw Error(where + " is not a pair of a token id and a number; get the original");
    }
    const int32_t id = pair[0].get<int32_t>();
    // One receipt of a run, not as many as there are orders: what two machines write, cmp compares.
    if (!p.logit_bias.empty() && p.logit_bias.rbegin()->first >= id) {
      throw Error(where + (p.logit_bias.contains(id) ? " is of a token that has a bias already" : " is of a lower token than the one before it, and they ascend") +
                  "; get the original");
    }
    p.logit_bias.emplace(id, NumberOf(pair[1], where));
  }
  try {
    p.Check();
  } catch (const UsageError& e) {  // of who wrote it, not of who reads it
    throw Error(fields.where() + " cannot be: " + e.what());
  }
  return p;
}

Json SequenceJson(const SequenceReceipt& s) {
  Json json = Json::object();
  if (s.prompt) json["prompt"] = *s.prompt;
  json["prompt_ids"] = s.request.prompt;
  json["sampling"] = SamplingJson(s.request.sampling);
  json["max_tokens"] = s.request.max_tokens;
  json["end_tokens"] = s.request.end_tokens;
  json["stop"] = s.stop;
  json["finish_reason"] = FinishName(s.reason);
  if (s.reason == FinishReason::kEndToken) json["end_token"] = s.end_token;
  if (s.reason == FinishReason::kError) json["error"] = s.error;
  json["text"] = s.text;
  json["ids"] = s.ids;
  json["logits_sha256"] = s.logits;
  return json;
}

SequenceReceipt ReadSequence(const JsonFields& fields) {
  SequenceReceipt s;
  s.prompt = fields.String("prompt");
  s.request.prompt = NeedIds(fields, "prompt_ids");
  s.request.sampling = ReadSampling(fields.Child("sampling"));
  s.request.max_tokens = static_cast<size_t>(NeedUnsigned(fields, "max_tokens", 0, INT32_MAX));
  s.request.end_tokens = NeedIds(fields, "end_tokens");
  s.stop = NeedStrings(fields, "stop");
  const std::string reason = NeedString(fields, "finish_reason");
  const auto known = std::find(std::begin(kReasons), std::end(kReasons), reason);
  if (known == std::end(kReasons)) fields.Reject("finish_reason", "end, stop, length or error");
  s.reason = static_cast<FinishReason>(known - std::begin(kReasons));
  if (s.reason == FinishReason::kEndToken) s.end_token = static_cast<int32_t>(NeedUnsigned(fields, "end_token", 0, INT32_MAX));
  if (s.reason == FinishReason::kError) s.error = NeedString(fields, "error");
  s.text = NeedString(fields, "text");
  s.ids = NeedIds(fields, "ids");
  s.logits = NeedHashes(fields, "logits_sha256");
  RefuseOtherFields(fields);

  // What no run could have given.
  const auto contradicts = [&](const std::string& why) { throw Error(fields.where() + " contradicts itself: " + why + "; get the original"); };
  if (s.request.prompt.empty()) contradicts("prompt_ids is empty, and there is nothing to continue");
  if (std::find(s.stop.begin(), s.stop.end(), "") != s.stop.end()) contradicts("a text in stop is empty");
  const bool ends = s.reason == FinishReason::kEndToken, fails = s.reason == FinishReason::kError;
  const size_t extra = s.logits.size() - s.ids.size();  // wraps where there are fewer
  if (extra != (ends ? 1u : 0u) && !(fails && extra == 1)) {
    contradicts("it has " + std::to_string(s.logits.size()) + " logits_sha256 for " + std::to_string(s.ids.size()) +
                " ids and the finish_reason " + reason);
  }
  if (!ends && !fails && s.ids.empty()) contradicts("it ends with " + reason + " before the first token");
  return s;
}

}  // namespace

const char* FinishName(FinishReason reason) { return kReasons[static_cast<size_t>(reason)]; }

int32_t SequenceReceipt::TokenOf(size_t k) const {
  if (k < ids.size()) return ids[k];
  return k == ids.size() && reason == FinishReason::kEndToken ? end_token : -1;
}

std::string Receipt::Text() const {
  Json json = HeaderJson(kReceiptFormat, header);
  json["sequences"] = Json::array();
  for (const SequenceReceipt& s : sequences) json["sequences"].push_back(SequenceJson(s));
  return RecordText(json, "the receipt");
}

Receipt Receipt::Parse(std::string_view text, const std::string& source) {
  const nlohmann::json json = ParseUniqueJson(text, source);
  const JsonFields fields(json, source);
  Receipt receipt;
  receipt.header = ReadHeader(fields, kReceiptFormat);
  const nlohmann::json& list = NeedList(fields, "sequences");
  RefuseOtherFields(fields);
  if (list.empty()) throw Error(source + " has no sequences, so there is nothing to replay; get the original");
  for (size_t i = 0; i < list.size(); ++i) {
    receipt.sequences.push_back(ReadSequence(JsonFields(list[i], ElementName(fields, "sequences", i))));
  }
  return receipt;
}

void StepRecorder::Add(const GenerateStep& step) {
  Steps& steps = steps_[step.request];
  steps.logits.push_back(Fingerprint(step.logits, vocab_size_));
  steps.last = step.id;
}

void StepRecorder::Fill(size_t i, const GenerateResult& result, SequenceReceipt& receipt) const {
  receipt.logits = steps_[i].logits;
  receipt.ids = result.ids;
  receipt.reason = result.reason;
  receipt.error = result.error;
  receipt.end_token = result.reason == FinishReason::kEndToken ? steps_[i].last : -1;
}

}  // namespace invar
