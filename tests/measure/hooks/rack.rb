Proc.new { |env| [399, {"x-bench" => "1"}, []] }
