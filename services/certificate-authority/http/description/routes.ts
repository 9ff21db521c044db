import { createHash } from "node:crypto";
import type { Call, Handler, Route } from "../call.ts";
import { sendBytes } from "../call.ts";
import { chooseOffer, JSON_TYPE, type Offer } from "../negotiation.ts";
import { CERTIFICATE_SCHEMAS } from "./certificate-schemas.ts";
import { CORE_SCHEMAS } from "./core-schemas.ts";
import * as discovery from "./discovery.ts";
import { META_SCHEMAS } from "./meta-schemas.ts";
import { openApiV2 } from "./open-api-v2.ts";
import { encodeOpenApiV2, OPEN_API_V2_PROTOBUF, OPEN_API_V2_PROTOBUF_ASKED } from "./open-api-v2-protobuf.ts";
import { openApiV3 } from "./open-api-v3.ts";
import { pathOf } from "./operations.ts";
import { RBAC_SCHEMAS } from "./rbac-schemas.ts";
import { REVIEW_SCHEMAS } from "./review-schemas.ts";
import type { Json, Schemas } from "./schema.ts";
import { CORE, SERVED } from "./served-resources.ts";
import { kubernetesVersion, versionInfo } from "./version-info.ts";

const SCHEMAS: Schemas = {
  ...META_SCHEMAS,
  ...CORE_SCHEMAS,
  ...CERTIFICATE_SCHEMAS,
  ...RBAC_SCHEMAS,
  ...REVIEW_SCHEMAS,
};
/** A document is asked for under the hash of its content, so what was fetched once never changes. */
const IMMUTABLE = "private, immutable, max-age=31536000";

export interface DescriptionDependencies {
  /** Of Gatehouse, for example `0.1.0`. */
  readonly version: string;
  /** OpenAPI 3 documents of APIs that are not Kubernetes', each with its path below `/openapi/v3/`, such as `v1`. */
  readonly additionalDocuments?: readonly { readonly path: string; readonly document: Json }[];
}

/** Aggregated discovery may be kept by whoever sees it, and asked after by its hash. */
const REVALIDATED = "public";

/** Everything by which clients learn what is served here: discovery, OpenAPI 2 and 3, the version. */
export function routes({ version, additionalDocuments = [] }: DescriptionDependencies): readonly Route[] {
  return [
    ...discoveryRoutes().flatMap(alsoWithSlash),
    ...alsoWithSlash(get("/version", jsonContent(versionInfo(version)))),
    ...openApiV3Routes(version, additionalDocuments),
    get("/openapi/v2", openApiV2Content(version)),
  ];
}

/** Discovery is answered on both spellings of a path. */
function alsoWithSlash(route: Route): readonly Route[] {
  return [route, { ...route, path: `${route.path}/` }];
}

/** An answer that never changes while the process runs. */
interface Content {
  readonly bytes: Buffer;
  readonly etag: string;
  /** The Cache-Control header, when it is another than other answers have. */
  readonly cacheControl?: string;
}

/** Made when first asked for: most processes are never asked for most of them. */
type Offers = () => readonly Offer<Content>[];

function discoveryRoutes(): readonly Route[] {
  return [
    get("/api", discoveryContent(discovery.legacyVersions(CORE), [CORE])),
    get(`/api/${CORE.version}`, jsonContent(discovery.resourceList(CORE))),
    get("/apis", discoveryContent(discovery.groupList(SERVED), SERVED)),
    ...discovery.groupNames(SERVED).map((name) => get(`/apis/${name}`, jsonContent(discovery.group(name, SERVED)))),
    ...SERVED.map((served) =>
      get(`/apis/${served.group}/${served.version}`, jsonContent(discovery.resourceList(served))),
    ),
  ];
}

/** Plain JSON first, for callers that accept anything. */
function discoveryContent(plain: Json, served: typeof SERVED): Offers {
  return () => [
    offer(JSON_TYPE, jsonBytes(plain)),
    ...(["v2", "v2beta1"] as const).map((version) =>
      aggregatedOffer(
        `${JSON_TYPE};g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
        jsonBytes(discovery.aggregated(served, version)),
      ),
    ),
  ];
}

function openApiV3Routes(
  version: string,
  additional: NonNullable<DescriptionDependencies["additionalDocuments"]>,
): readonly Route[] {
  const documents = [
    ...[CORE, ...SERVED].map((served) => ({
      path: pathOf(served),
      content: jsonContent(openApiV3(served, SCHEMAS, kubernetesVersion(version))),
    })),
    ...additional.map(({ path, document }) => ({ path, content: jsonContent(document) })),
  ];
  const index = (): Json => ({
    paths: Object.fromEntries(
      documents.map(({ path, content }) => [
        path,
        { serverRelativeURL: `/openapi/v3/${path}?hash=${content()[0]?.content.etag}` },
      ]),
    ),
  });
  return [
    get(
      "/openapi/v3",
      once(() => [offer(JSON_TYPE, jsonBytes(index()))]),
    ),
    ...documents.map(({ path, content }) => get(`/openapi/v3/${path}`, content)),
  ];
}

function openApiV2Content(version: string): Offers {
  return () => {
    const document = openApiV2([CORE, ...SERVED], SCHEMAS, kubernetesVersion(version));
    const inProtobuf = offer(OPEN_API_V2_PROTOBUF, encodeOpenApiV2(document));
    return [
      offer(JSON_TYPE, jsonBytes(document)),
      inProtobuf,
      { ...inProtobuf, mediaType: OPEN_API_V2_PROTOBUF_ASKED },
    ];
  };
}

function jsonContent(body: Json): () => readonly [Offer<Content>] {
  return once(() => [offer(JSON_TYPE, jsonBytes(body))]);
}

function jsonBytes(body: Json): Buffer {
  return Buffer.from(JSON.stringify(body));
}

function offer(mediaType: string, bytes: Buffer): Offer<Content> {
  const etag = createHash("sha256").update(bytes).digest("hex").slice(0, 32).toUpperCase();
  return { mediaType, contentType: mediaType, content: { bytes, etag } };
}

function aggregatedOffer(mediaType: string, bytes: Buffer): Offer<Content> {
  const { content, ...rest } = offer(mediaType, bytes);
  return { ...rest, content: { ...content, cacheControl: REVALIDATED } };
}

function get(path: string, content: Offers): Route {
  const offers = once(content);
  const handler: Handler = (call) => answer(call, chooseOffer(call.request.headers.accept, offers()));
  return { method: "GET", path, handler };
}

function answer({ request, response, query }: Call, { contentType, content }: Offer<Content>): void {
  const etag = `"${content.etag}"`;
  response.setHeader("etag", etag);
  response.setHeader("vary", "Accept");
  if (content.cacheControl !== undefined) response.setHeader("cache-control", content.cacheControl);
  if (query.get("hash") === content.etag) response.setHeader("cache-control", IMMUTABLE);
  if (request.headers["if-none-match"] === etag) {
    response.writeHead(304).end();
    return;
  }
  sendBytes(response, 200, contentType, content.bytes);
}

function once<Value>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
