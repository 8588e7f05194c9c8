import DefaultTheme from "vitepress/theme";
import { h } from "vue";
import { data as hero } from "./hero.data.mjs";
import { MermaidDiagram } from "./mermaid-diagram.mjs";
import "./style.css";

export default {
  ...DefaultTheme,
  Layout: () =>
    h(DefaultTheme.Layout, null, {
      "home-hero-image": () => h("div", { class: "hero-code vp-doc", innerHTML: hero.html }),
    }),
  enhanceApp: ({ app }: { app: import("vue").App }) => {
    app.component("MermaidDiagram", MermaidDiagram);
  },
};
