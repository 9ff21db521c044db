import type { Handler, Route } from "../call.ts";
import { type CsrApiDependencies, csrApi } from "./csr-resource.ts";
import { resourceHandler, resourceRoutes } from "./resource-routes.ts";

export { configMapRoutes } from "./config-map-resource.ts";
export type { CsrApiDependencies } from "./csr-resource.ts";
export { rbacRoutes } from "./rbac-resources.ts";
export { secretRoutes } from "./secret-resource.ts";
export { createWatchRegistry, type WatchRegistry } from "./watch-registry.ts";

/** Where Express mounts CertificateSigningRequests. */
export function routes(deps: CsrApiDependencies): readonly Route[] {
  return resourceRoutes(csrApi(deps));
}

/** CertificateSigningRequests ahead of Express. */
export function csrHandler(deps: CsrApiDependencies): Handler {
  return resourceHandler(csrApi(deps));
}
