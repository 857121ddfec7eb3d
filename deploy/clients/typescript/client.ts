// A client of an ida-verify service by fetch alone: for browsers, Node 20 and later, Deno, workers.
// Its types are those of service.ts, which is generated from the service's OpenAPI document.

import type { components } from "./service.js";

type Schemas = components["schemas"];

export type Problem = Schemas["Problem"];
export type VerifyAnswer = Schemas["VerifyAnswer"];
export type EmbedAnswer = Schemas["EmbedAnswer"];
export type VerifyColumnsAnswer = Schemas["VerifyColumnsAnswer"];
export type VerifyBatchAnswer = Schemas["VerifyBatchAnswer"];
export type VerifyBatchRequest = Schemas["VerifyBatchRequest"];
export type InfoAnswer = Schemas["InfoAnswer"];

/** How pairs are compared; what is absent is the service's default. */
export type VerifyOptions = Omit<Partial<Schemas["VerifyForm"]>, "probe" | "reference" | "detail">;
/** How a face is embedded. */
export type EmbedOptions = Omit<Partial<Schemas["EmbedForm"]>, "image">;
/** How pairs of embeddings are compared. */
export type ColumnOptions = Pick<VerifyOptions, "method" | "operating_point" | "quality_policy">;

/** What the service answered in place of a result: see `problem.code` and `problem.detail`. */
export class ServiceError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Partial<Problem>,
    /** Seconds after which it is worth trying again; null where nothing is said. */
    readonly retryAfter: number | null,
  ) {
    super(`${problem.code ?? `status ${status}`}: ${problem.detail ?? ""}`);
    this.name = "ServiceError";
  }
}

export interface ClientOptions {
  /** A key of the service, where it asks for one. */
  apiKey?: string;
  /** Seconds that one request may take. */
  deadlineSeconds?: number;
  /** Sends the requests; the runtime's own by default. */
  fetch?: typeof fetch;
}

/** Asks an ida-verify service. It sends each request once; whether to try again is the caller's to say. */
export class IdaClient {
  constructor(
    private readonly url: string,
    private readonly options: ClientOptions = {},
  ) {}

  /** Compare two photographs; several pictures of the reference's person are compared as one. */
  async verify(probe: Blob, reference: Blob | Blob[], options: VerifyOptions = {}): Promise<VerifyAnswer> {
    const form = formOf(options);
    form.append("probe", probe, "probe");
    for (const picture of [reference].flat()) form.append("reference", picture, "reference");
    return this.answer("/verify", { method: "POST", body: form });
  }

  /** Embed the face of a photograph. */
  async embed(image: Blob, options: EmbedOptions = {}): Promise<EmbedAnswer> {
    const form = formOf(options);
    form.append("image", image, "image");
    return this.answer("/embed", { method: "POST", body: form });
  }

  /** Compare many pairs, in JSON. */
  async verifyBatch(request: VerifyBatchRequest): Promise<VerifyBatchAnswer> {
    const headers = { "Content-Type": "application/json" };
    return this.answer("/verify/batch", { method: "POST", headers, body: JSON.stringify(request) });
  }

  /** Compare pairs of embeddings, as bytes; all have the same number of values. */
  async verifyEmbeddings(
    pairs: [ArrayLike<number>, ArrayLike<number>][],
    options: ColumnOptions = {},
  ): Promise<VerifyColumnsAnswer> {
    const dimension = pairs[0]?.[0].length ?? 0;
    const body = new DataView(new ArrayBuffer(pairs.length * 2 * dimension * 4));
    let at = 0;
    for (const embedding of pairs.flat()) {
      if (embedding.length !== dimension) throw new RangeError("All embeddings must have the same number of values.");
      for (let place = 0; place < dimension; place++, at += 4) body.setFloat32(at, embedding[place] as number, true);
    }
    const query = new URLSearchParams({ dimension: String(dimension) });
    for (const [name, value] of Object.entries(options)) if (value != null) query.set(name, value);
    const headers = { "Content-Type": "application/octet-stream" };
    return this.answer(`/verify/batch?${query}`, { method: "POST", headers, body: body.buffer as ArrayBuffer });
  }

  /** What the service says of itself. */
  async info(): Promise<InfoAnswer> {
    return this.answer("/info", {});
  }

  private async answer<Answer>(path: string, request: RequestInit): Promise<Answer> {
    const { apiKey, deadlineSeconds = 30, fetch: send = fetch } = this.options;
    const headers = new Headers(request.headers);
    headers.set("X-Deadline-Seconds", String(deadlineSeconds));
    if (apiKey !== undefined) headers.set("Authorization", `Bearer ${apiKey}`);
    const signal = AbortSignal.timeout(deadlineSeconds * 1000);
    const reply = await send(this.url.replace(/\/+$/, "") + path, { ...request, headers, signal });
    if (reply.ok) return (await reply.json()) as Answer;
    const problem = (await reply.json().catch(() => ({}))) as Partial<Problem>;
    const after = Number(reply.headers.get("Retry-After") || NaN);
    throw new ServiceError(reply.status, problem, Number.isNaN(after) ? null : after);
  }
}

function formOf(options: object): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(options)) if (value != null) form.set(name, String(value));
  return form;
}
