import type { Row } from "../row.ts";
import { ACCEPT } from "./accept.ts";
import { BODIES } from "./bodies.ts";
import { CERTIFICATE } from "./certificate.ts";
import { CONDITIONS } from "./conditions.ts";
import { CREATE_NAMES } from "./create-names.ts";
import { CREATE_REQUEST } from "./create-request.ts";
import { CREATE_SPEC } from "./create-spec.ts";
import { DELETE } from "./delete.ts";
import { DISCOVERY } from "./discovery.ts";
import { IDENTITY } from "./identity.ts";
import { LIST } from "./list.ts";
import { OPTIONS } from "./options.ts";
import { ORDER } from "./order.ts";
import { PATCH } from "./patch.ts";
import { PATHS } from "./paths.ts";
import { PERMISSIONS } from "./permissions.ts";
import { RBAC } from "./rbac.ts";
import { REVIEWS } from "./reviews.ts";
import { UPDATE } from "./update.ts";
import { WATCH } from "./watch.ts";

export const ALL_ROWS: readonly Row[] = [
  ...WATCH,
  ...CREATE_NAMES,
  ...CREATE_SPEC,
  ...CREATE_REQUEST,
  ...UPDATE,
  ...CONDITIONS,
  ...CERTIFICATE,
  ...PATCH,
  ...ORDER,
  ...PERMISSIONS,
  ...OPTIONS,
  ...DELETE,
  ...LIST,
  ...ACCEPT,
  ...BODIES,
  ...PATHS,
  ...RBAC,
  ...REVIEWS,
  ...IDENTITY,
  ...DISCOVERY,
];
