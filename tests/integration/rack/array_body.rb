Proc.new do |env|
  [201, {"content-type" => "text/plain", "x-lines" => "one\ntwo", "x-number" => 7, :"x-symbol" => :s},
   ["abc", 1, :two, "", "\n"]]
end
