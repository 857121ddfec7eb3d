// Compares two photographs, then their embeddings: node example.js URL PROBE REFERENCE

import { openAsBlob } from "node:fs";
import { IdaClient, ServiceError } from "./client.js";

const [url = "http://127.0.0.1:8000", probe = "probe.jpg", reference = "reference.jpg"] = process.argv.slice(2);
const client = new IdaClient(url, { deadlineSeconds: 20 });
const [one, other] = await Promise.all([probe, reference].map((path) => openAsBlob(path)));

try {
  const compared = await client.verify(one!, other!);
  const [probeFace, referenceFace] = [await client.embed(one!), await client.embed(other!)];
  const columns = await client.verifyEmbeddings([[probeFace.embedding, referenceFace.embedding]]);
  console.log(
    JSON.stringify({ score: compared.score, decision: compared.decision, similarity: columns.similarity[0] ?? null }),
  );
} catch (error) {
  if (!(error instanceof ServiceError)) throw error;
  console.log(JSON.stringify({ code: error.problem.code, image: error.problem.image }));
}
