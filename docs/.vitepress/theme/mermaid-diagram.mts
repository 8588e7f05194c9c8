import { useData } from "vitepress";
import { defineComponent, h, onMounted, ref, useId, watch } from "vue";

/** A diagram, drawn in the browser in the colours of the page. Mermaid is loaded by the pages that have one. */
export const MermaidDiagram = defineComponent({
  props: { code: { type: String, required: true } },
  setup: (props) => {
    const { isDark } = useData();
    const svg = ref("");
    const place = ref<HTMLElement>();
    const id = `mermaid-${useId()}`;
    const draw = async (): Promise<void> => {
      const { default: mermaid } = await import("mermaid");
      mermaid.initialize({ startOnLoad: false, securityLevel: "strict", theme: isDark.value ? "dark" : "default" });
      // Drawn as wide as its place on the page: text keeps its size on a phone.
      svg.value = (await mermaid.render(id, decodeURIComponent(props.code), place.value)).svg;
    };
    onMounted(draw);
    watch(isDark, draw);
    return () => [h("div", { ref: place }), h("div", { class: "mermaid-diagram", innerHTML: svg.value })];
  },
});
