import { expiryQuery, forecastQuery, SVG_TYPE } from "./expiry.ts";
import { expiryForecast, expiryReport } from "./expiry-resources.ts";
import { answer, type Json, json, operation, queryParameters, TEXT } from "./open-api-parts.ts";

export const EXPIRY_SCHEMAS = { ExpiryReport: expiryReport, ExpiryForecast: expiryForecast } as const;

/** What the OpenAPI document says of expiries. */
export function expiryPaths(): Json {
  return {
    "/v1/expiry": {
      get: {
        ...operation(
          "readExpiry",
          "How the newest certificates of nodes and others stand: how many are in which state, and which.",
          answer("ExpiryReport"),
        ),
        parameters: queryParameters(expiryQuery),
      },
    },
    "/v1/expiry/forecast": {
      get: {
        ...operation("forecastExpiry", "Which nodes fall off when, should nothing be approved from now on.", {
          200: {
            description: "The forecast, or a plot of it.",
            content: { ...json("ExpiryForecast"), [SVG_TYPE]: TEXT },
          },
        }),
        parameters: queryParameters(forecastQuery),
      },
    },
  };
}
