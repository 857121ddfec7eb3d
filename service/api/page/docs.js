// Swagger UI, from an installed package, on this service's own OpenAPI document.
/* global SwaggerUIBundle */

SwaggerUIBundle({ url: "openapi.json", dom_id: "#endpoints", deepLinking: true, validatorUrl: null });
